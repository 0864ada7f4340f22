"""What must not be seen: passwords and tokens, kept out of arguments, logs, messages and records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote

_MASK = "***"
# Passwords of connection strings: in a URL up to the last @ (one may have a slash that should have been
# written as %2F), as a parameter, as a keyword of libpq.
_IN_URL = re.compile(r"([A-Za-z][\w+.-]*://[^\s:/@?#]*:)([^\s?#]+)@")
_PARAMETER = re.compile(r"([?&](?:ssl)?password=)([^&\s]+)", re.IGNORECASE)
_KEYWORD = re.compile(r"(?<![?&\w])((?:ssl)?password\s*=\s*)('(?:\\.|[^'\\])*'?|\S+)", re.IGNORECASE)
_NAMED = re.compile(r"PASS(WORD|WD|PHRASE)?($|_)|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
_HIDDEN = ("environment", "body")  # options whose values are shown by name only


def secret_texts(dsns: Iterable[str], values: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every text to mask, the longest first: the values, and the passwords of connection strings."""
    texts = {value for value in values if value}
    for dsn in dsns:
        for password in _passwords(dsn):
            texts |= {password, unquote(password), quote(unquote(password), safe="")}
    return tuple(sorted(texts, key=len, reverse=True))


def secrets_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return what is secret in variables: values named like it, and passwords of connection strings."""
    named = [value for name, value in environment.items() if _NAMED.search(name)]
    return secret_texts(environment.values(), named)


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets."""
    for secret in secrets:
        text = text.replace(secret, _MASK)
    return text


def without_passwords(text: str) -> str:
    """Return a text in which each connection string has lost its password."""
    text = _PARAMETER.sub(rf"\g<1>{_MASK}", _IN_URL.sub(rf"\g<1>{_MASK}@", text))
    return _KEYWORD.sub(rf"\g<1>{_MASK}", text)


def shown_options(value: Any, name: str = "") -> Any:  # noqa: ANN401 - of any shape
    """Return a module's options as they may be logged: of variables, which may be secret, the names."""
    if isinstance(value, Mapping):
        hidden = name in _HIDDEN
        return {key: _MASK if hidden else shown_options(one, str(key)) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown_options(one, name) for one in value]
    return without_passwords(value) if isinstance(value, str) else value


def _passwords(dsn: str) -> set[str]:
    found = {one[2] for one in _IN_URL.finditer(dsn)} | {one[2] for one in _PARAMETER.finditer(dsn)}
    for one in _KEYWORD.finditer(dsn):
        quoted = one[2].startswith("'")
        found.add(re.sub(r"\\(.)", r"\1", one[2].strip("'") if quoted else one[2]))
    return found - {""}
