"""Connection strings: shown without their password, and opened with errors that an operator can act on."""

from __future__ import annotations

import os
import re
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from ..errors import Refusal
from .patience import as_given, keep_patience
from .pins import (
    TOLD,
    catalogue_first,
    differing,
    forget_environment,
    is_pinned,
    own_options,
    pinned_options,
)

# psycopg2 has no types; the names say what a parameter is.
Connection = Any
Cursor = Any
Composed = Any  # a statement, or a part of one, of psycopg2.sql

_MASK = "***"
_URL = re.compile(
    r"^(postgres(?:ql)?://[^:/@]*):.*@", re.IGNORECASE
)  # up to the last @: one in a password is masked
_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)
_NO_ZONE = 'invalid value for parameter "TimeZone"'
_KEYWORD = re.compile(r"\b((?:ssl)?password\s*=\s*)(?:'(?:\\.|[^'\\])*'?|\S+)", re.IGNORECASE)


class Unreachable(Refusal):
    """The server does not answer: it is stopped, still starting, or the address is wrong."""


def shown(dsn: str) -> str:
    """Return a connection string, URL or ``key=value``, in its own form with every password masked."""
    dsn = as_given(dsn)
    if "://" in dsn:
        return _PARAMETER.sub(rf"\1{_MASK}", _URL.sub(rf"\1:{_MASK}@", dsn))
    return _KEYWORD.sub(rf"\1{_MASK}", dsn)


def with_database(dsn: str, name: str) -> str:
    """Return the connection string for another database of the same server, as ``key=value``.

    Raises:
        Refusal: libpq cannot read the string.
    """
    _parsed(dsn)
    return str(make_dsn(dsn, dbname=name))


def database_of(dsn: str) -> str:
    """Return the database that the string names; libpq's own default is the role's name, else empty.

    Raises:
        Refusal: libpq cannot read the string.
    """
    parts = _parsed(dsn)
    return parts.get("dbname") or parts.get("user") or ""


def address(dsn: str) -> str:
    """Return ``host:port`` as the string has them, with libpq's own defaults.

    Raises:
        Refusal: libpq cannot read the string.
    """
    parts = _parsed(dsn)
    return f"{parts.get('host') or parts.get('hostaddr') or 'the local socket'}:{parts.get('port') or '5432'}"


def connect(
    dsn: str,
    *,
    application_name: str = "reingest",
    timeout: int = 10,
    autocommit: bool = False,
    **options: str,
) -> Connection:
    """Open a psycopg2 connection in which a value has one text (``pins``); ``timeout`` is in seconds.

    A password may be in the string, in ``PGPASSWORD``, or in a password file. ``options`` go to libpq.

    Raises:
        Unreachable: the server does not answer.
        Refusal: libpq cannot read the string, the server refuses the login, or a pooler answers that does not
            pass on what is pinned; never with a password in it.
    """
    words = options.pop("options", None) or _parsed(dsn).get("options") or os.environ.get("PGOPTIONS", "")
    if not is_pinned(words):
        words = pinned_options(words)
    forget_environment()
    connection = connect_as_is(
        dsn, application_name=application_name, timeout=timeout, options=words, **options
    )
    other = differing({name: connection.get_parameter_status(name) for name in TOLD}, words)
    if other:
        connection.close()
        raise Refusal(
            f"{address(dsn)} is a pooler that keeps {other} as it is set there, and values would be read "
            "otherwise: name the server itself"
        )
    try:
        keep_patience(connection, words)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SHOW search_path")
            path = catalogue_first(cursor.fetchone()[0])
            if path:
                cursor.execute("SELECT pg_catalog.set_config('search_path', %s, false)", (path,))
    except psycopg2.OperationalError as error:  # it stops just now
        connection.close()
        told = said_by_server(str(error))
        raise Unreachable(f"the server at {address(dsn)} ended the session: {told}; start it") from None
    connection.autocommit = autocommit
    return connection


def connect_as_is(
    dsn: str, *, application_name: str = "reingest", timeout: int = 10, **options: str
) -> Connection:
    """Open a connection with the settings that its own login has: to try a portal's, and to read no value.

    Raises:
        Unreachable, Refusal: as ``connect``.
    """
    parts = _parsed(dsn)
    try:
        return psycopg2.connect(
            dsn, application_name=application_name, connect_timeout=timeout, client_encoding="UTF8", **options
        )
    except psycopg2.OperationalError as error:
        raise _refused(parts, dsn, str(error)) from None


def said_by_server(text: str) -> str:
    """Return the sentence of libpq's message that says why, which is the server's own where it answered.

    Behind it may come where the password was found, and before it what other addresses said.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("DETAIL:", "HINT:"))] or [""]
    source = next((line for line in lines if line.startswith("password retrieved from ")), "")
    said = [line for line in lines if "FATAL:" in line] or [line for line in lines if line != source] or lines
    return f"{said[-1]} ({source})" if source and said[-1] != source else said[-1]


def _parsed(dsn: str) -> dict[str, str]:
    try:
        return dict(parse_dsn(dsn))
    except psycopg2.ProgrammingError:  # its message repeats parts of the string
        raise Refusal(
            "the connection string is not one that libpq reads: write it as postgresql://user@host:port/database"
        ) from None


def _without_pins(dsn: str, parts: dict[str, str]) -> str:
    """Return the string as it was given, for a message."""
    if not is_pinned(parts.get("options", "")):
        return dsn
    given = {**parts, "options": own_options(parts["options"])}
    return str(make_dsn(**{name: value for name, value in given.items() if value}))


def _refused(parts: dict[str, str], dsn: str, text: str) -> Refusal:
    dsn = _without_pins(dsn, parts)
    where, user = address(dsn), parts.get("user") or "(the account's own name)"
    reason = said_by_server(text).rpartition("failed: ")[2].strip() or "no reason given"
    for secret in (parts.get("password"), parts.get("sslpassword")):
        if secret:
            reason = reason.replace(secret, _MASK)
    if "unsupported startup parameter" in text:
        return Refusal(
            f"{where} is a pooler, which does not let a session say how values are read: "
            "name the server itself"
        )
    if _NO_ZONE in text:
        zone = text.partition(_NO_ZONE)[2].splitlines()[0].strip(': "')
        return Refusal(f"the server at {where} knows no time zone {zone}: correct `timezone:` in the dataset")
    answered = "FATAL:" in text and "starting up" not in text and "shutting down" not in text
    if "password" in text:
        return Refusal(
            f"the login as user {user} at {where} is refused: {reason}; "
            "check the password (in the connection string, PGPASSWORD or the password file)"
        )
    if answered:
        return Refusal(f"the login as user {user} at {where} is refused: {reason}; check {shown(dsn)}")
    return Unreachable(
        f"no PostgreSQL answers at {where}: {reason}; start the server, or correct {shown(dsn)}"
    )
