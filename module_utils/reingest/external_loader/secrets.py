"""What must not be seen of a loader's declaration: its secrets, kept out of arguments, logs and messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn

from ..errors import Refusal

_MASK = "***"


def secret_texts(dsns: Iterable[str], values: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every text to mask, the longest first: the values, and the passwords of connection strings."""
    texts = {value for value in values if value}
    for dsn in dsns:
        password = _password(dsn)
        if password:
            texts |= {password, quote(password, safe="")}
    return tuple(sorted(texts, key=len, reverse=True))


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets."""
    for secret in secrets:
        text = text.replace(secret, _MASK)
    return text


def refuse_shown(secrets: Iterable[str], argv: Iterable[str], environment: Mapping[str, str]) -> None:
    """Refuse a secret where it would be seen.

    Raises:
        Refusal: an argument, or a variable of the environment that is not declared secret, holds one.
    """
    secrets = tuple(secrets)
    for number, argument in enumerate(argv):
        if masked(argument, secrets) != argument:
            raise Refusal(
                f"argument {number} of the loader holds a password, which everybody on the host can read: "
                "give it to the loader as a variable of its environment, in `secrets:`"
            )
    for name, value in environment.items():
        if masked(value, secrets) != value:
            raise Refusal(
                f"the loader's variable {name} holds a password: move it from `environment:` to `secrets:`, "
                "whose values are never shown"
            )


def _password(dsn: str) -> str:
    try:
        return str(parse_dsn(dsn).get("password") or "") if dsn else ""
    except ProgrammingError:  # whoever connects with it refuses it, with a reason
        return ""
