import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.external_loader.secrets import masked, refuse_shown, secret_texts


def test_passwords_are_known_as_written_and_as_read():
    texts = secret_texts(["postgresql://u:p%40ss@db/x", "host=db password=other"], ["value", ""])
    assert set(texts) == {"p@ss", "p%40ss", "other", "value"}


def test_the_longest_secret_is_masked_first():
    texts = secret_texts([], ["pass", "password-of-mine"])
    assert masked("password-of-mine and pass", texts) == "*** and ***"


def test_a_secret_in_an_argument_or_in_the_open_environment_is_refused_and_not_repeated():
    with pytest.raises(Refusal, match="argument 2") as refusal:
        refuse_shown(["hidden"], ["load", "--dsn", "x=hidden"], {})
    assert "hidden" not in str(refusal.value)
    with pytest.raises(Refusal, match="variable DSN"):
        refuse_shown(["hidden"], ["load"], {"DSN": "x=hidden"})
    refuse_shown(["hidden"], ["load"], {"DSN": "x"})
