"""Whether a service answers as declared."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing
from typing import Any

from ..engines.model import Health
from ..errors import Refusal

_CONNECT_S = 2
_SHOWN = 300  # characters of what a service says
_FENCED = "is not currently accepting connections"
_MALFORMED = (
    "the address of the login is malformed: expected postgresql://user@host:port/database, with / @ : # and "
    "? of a password written as %2F %40 %3A %23 and %3F"
)
_REFUSED = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
)


def answer(health: Health, timeout: float = 2.0) -> str:
    """Try the declared check once; return why it is not healthy yet, or an empty text.

    Raises:
        Refusal: it will never be (a wrong password, say): waiting longer is of no use.
        ImportError: a login is declared and this host has no psycopg2.
    """
    if health.tcp:
        return _tcp(health.tcp, timeout)
    if health.http:
        return _http(health, timeout)
    if health.postgresql:
        return _postgresql(health)
    return ""


def refused(text: str) -> bool:
    """Return whether a server says so to a login that will not be let in later either."""
    return any(words in text for words in _REFUSED) or ("role" in text and "does not exist" in text)


def system_identifier(health: Health) -> str:
    """Return the system identifier of the server behind the declared login."""
    from ..postgres.dsn import (
        connect_as_is,
        with_database,
    )  # needs psycopg2, which not every host of services has

    # Not in the portal's database, which may be fenced.
    login = with_database(health.postgresql, "postgres")
    with closing(connect_as_is(login)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT system_identifier FROM pg_control_system()")
        return str(cursor.fetchone()[0])


def _tcp(target: str, timeout: float) -> str:
    host, _, port = target.rpartition(":")
    if not host or not port.isdigit():
        raise Refusal(f"{target!r} is not an address to ask: expected host:port")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout):
            return ""
    except OSError as error:
        return f"{target}: {error.strerror or error}"


def _http(health: Health, timeout: float) -> str:
    if not health.http.startswith(("http://", "https://")):
        raise Refusal(f"{health.http!r} is not an HTTP address: expected http:// or https://")
    import http.client  # here: with ssl and email they cost each task on services more than our own code
    import urllib.error

    from ..host.web import Until, opener

    until = Until(time.monotonic() + timeout, timeout)
    try:
        with opener(until, follows=True).open(health.http, timeout=timeout) as reply:
            body = reply.read(1 << 20)
    except urllib.error.HTTPError as error:
        with error:
            text = _said(error)
        return f"{health.http} answers {error.code}: {text}"
    except http.client.InvalidURL as error:
        raise Refusal(f"{health.http!r} is not an HTTP address: {error}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"{health.http}: {str(getattr(error, 'reason', '') or error)[:_SHOWN]}"
    return _mismatch(health, body) if health.json else ""


def _said(reply: Any) -> str:  # noqa: ANN401 - urllib.error.HTTPError, whose import costs
    """Return the beginning of an answer, as far as it comes in time."""
    try:
        return str(reply.read(_SHOWN).decode(errors="replace").strip())
    except OSError:
        return ""


def _mismatch(health: Health, body: bytes) -> str:
    try:
        found: Any = json.loads(body)
        for key, expected in health.json.items():
            value = found.get(key) if isinstance(found, dict) else None
            if value != expected:
                return f"{health.http} answers {key} {repr(value)[:_SHOWN]}, expected {expected!r}"
    except (ValueError, RecursionError):
        return f"{health.http} does not answer JSON"
    return ""


def _login(health: Health) -> str:
    from ..postgres.dsn import with_database  # needs psycopg2, which not every host of services has

    return with_database(health.postgresql, health.database) if health.database else health.postgresql


def _postgresql(health: Health) -> str:
    import psycopg2  # not every host of services has it

    from ..postgres.dsn import said_by_server

    try:
        psycopg2.connect(_login(health), connect_timeout=_CONNECT_S, application_name="reingest").close()
    except psycopg2.ProgrammingError:
        raise Refusal(_MALFORMED) from None  # its message repeats parts of the string
    except psycopg2.OperationalError as error:
        text = said_by_server(str(error))
        if "invalid integer value" in text or ("host name" in text and "@" in text):
            raise Refusal(_MALFORMED) from None  # a part of the password may have been read as port or host
        if refused(text):
            raise Refusal(f"the login is refused: {text}; check the account and its password") from None
        # The server is up, and its database is fenced while a switch goes on: what starts it opens it next.
        return "" if _FENCED in text else text
    return ""
