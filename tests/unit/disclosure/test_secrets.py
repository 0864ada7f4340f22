import pytest

from plugins.module_utils.reingest.disclosure.secrets import (
    masked,
    secret_texts,
    secrets_in,
    shown_options,
)


def test_passwords_are_known_as_written_and_as_read():
    texts = secret_texts(["postgresql://u:p%40ss@db/x", "host=db password=other"], ["value", ""])
    assert set(texts) == {"p@ss", "p%40ss", "other", "value"}


def test_the_longest_secret_is_masked_first():
    texts = secret_texts([], ["pass", "password-of-mine"])
    assert masked("password-of-mine and pass", texts) == "*** and ***"


@pytest.mark.attack
@pytest.mark.parametrize(
    "value",
    [
        "postgresql://portal:hid%2Fden@db/portal",
        "postgresql+psycopg2://portal:hid/den@db:5432/portal?sslmode=require",
        "postgresql://db/portal?user=portal&password=hid/den",
        "host=db password='hid/den' user=portal",
        "amqp://portal:hid/den@queue//",
    ],
)
def test_a_variable_that_holds_a_connection_string_has_its_password_known(value):
    texts = secrets_in({"DATABASE_URL": value, "LANG": "C"})
    assert "hid/den" in texts
    told = f"cannot connect: hid/den, hid%2Fden, {value}"
    assert "den" not in masked(told, texts)


@pytest.mark.attack
@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "PGPASSWORD", "SECRET", "API_TOKEN", "SIGNING_KEY", "DB_PASS"]
)
def test_a_variable_that_is_named_like_a_secret_is_one(name):
    assert secrets_in({name: "hidden", "PATH": "/usr/bin"}) == ("hidden",)


@pytest.mark.attack
def test_options_are_shown_with_the_names_of_variables_and_without_values_and_passwords():
    service = {
        "name": "web",
        "environment": {"DSN": "postgresql://u:hidden@db/x"},
        "health": {"http": "x://u:hidden@y"},
    }
    shown = shown_options({"services": [service], "state": "started"})
    assert shown["services"][0]["environment"] == {"DSN": "***"}
    assert shown["state"] == "started"
    assert "hidden" not in str(shown)
