import pytest

from plugins.module_utils.reingest.disclosure.secrets import masked, secret_texts
from plugins.module_utils.reingest.disclosure.seen_secrets import named_secrets, refuse_shown, short_secrets
from plugins.module_utils.reingest.errors import Refusal


def test_a_secret_in_an_argument_or_in_the_open_environment_is_refused_and_not_repeated():
    secrets = named_secrets(
        {"of reingest_staging_dsn": "postgresql://u:p%40ss-word@db/x"}, {"TOKEN": "hidden"}
    )
    with pytest.raises(Refusal, match="argument 2 of the loader holds the secret TOKEN") as refusal:
        refuse_shown(secrets, ["load", "--dsn", "x=hidden"], {})
    assert "hidden" not in str(refusal.value)
    with pytest.raises(Refusal, match="variable DSN holds the secret TOKEN"):
        refuse_shown(secrets, ["load"], {"DSN": "x=hidden"})
    with pytest.raises(Refusal, match="holds the secret of reingest_staging_dsn"):
        refuse_shown(secrets, ["load", "postgresql://u:p@ss-word@db/x"], {})
    refuse_shown(secrets, ["load"], {"DSN": "x"})


def test_a_secret_is_a_whole_value_and_not_letters_of_another_word():
    secrets = named_secrets({}, {"TOKEN": "nmdc", "PIN": "x"})
    refuse_shown(secrets, ["nmdcserver", "--example", "load_nmdc_all"], {"PATH": "/opt/nmdcserver/bin"})
    for argument in ("nmdc", "--token=nmdc", "http://u:nmdc@host"):
        with pytest.raises(Refusal, match="TOKEN"):
            refuse_shown(secrets, [argument], {})
    assert (
        masked("x nmdcserver", secret_texts((), secrets.keys())) == "*** ***server"
    )  # everywhere, in what is shown


def test_a_secret_that_is_too_short_to_be_masked_is_named_and_an_empty_one_is_none():
    assert short_secrets({"A": "x", "B": "12345", "C": "123456", "D": ""}) == ["A", "B"]


def test_a_connection_string_is_too_short_by_its_password():
    strings = {
        "A": "postgresql://u:12345@h/d",
        "B": "postgresql://u:123456@h/d",
        "C": "postgresql://u@h/d",
        "D": "host=h password='1 2'",
        "E": "postgresql://h/d?user=u&password=%31%32%33%34",
    }
    assert short_secrets(strings) == [f"the password in {name}" for name in "ADE"]
