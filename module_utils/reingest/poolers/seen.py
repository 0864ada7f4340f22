"""What a pooler says of itself: its entry for the database, its settings, and who keeps it from pausing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import Refusal
from .console import Console

SESSION = "session"
_LONGEST = 1000  # characters of a name

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A database of the pooler's configuration."""

    name: str
    host: str  # of the server; empty: a local socket
    port: int
    database: str  # as the server calls it
    paused: bool
    disabled: bool
    pool_mode: str

    @property
    def server(self) -> tuple[str, int, str]:
        """Where it leads to."""
        return self.host, self.port, self.database


@dataclass(frozen=True)
class Session:
    """A client that has a session of the server, so that PAUSE waits for it."""

    user: str
    client: str
    application: str
    since: str
    server_pid: int  # the process of the server

    def __str__(self) -> str:
        """Return who it is, on one line."""
        name = self.application or "of no name"
        where = f"from {self.client}, server process {self.server_pid}"
        return f"{name} (user {self.user}, {where}, since {self.since})"


def settings(console: Console, seconds: float) -> dict[str, str]:
    """Return the pooler's settings."""
    return dict(_told(console, "SHOW CONFIG", seconds, lambda row: (_text(row["key"]), str(row["value"]))))


def entries(console: Console, seconds: float, default_mode: str = "") -> dict[str, Entry]:
    """Return the databases that the pooler knows, by name."""
    found = _told(console, "SHOW DATABASES", seconds, lambda row: _entry(row, default_mode))
    return {one.name: one for one in found}


def pool_modes(console: Console, seconds: float) -> set[str]:
    """Return how the pools of the console's own database pool; none where it was not used so far."""
    told = _told(
        console, "SHOW POOLS", seconds, lambda row: (_text(row["database"]), _text(row["pool_mode"]))
    )
    return {mode for database, mode in told if database == console.pooler.database}


def entry(console: Console, seconds: float) -> Entry:
    """Return the entry of the console's own database.

    Raises:
        Refusal: it has none; one that only ``*`` stands for cannot be held before somebody used it.
    """
    found = entries(console, seconds).get(console.pooler.database)
    if found is None:
        raise Refusal(
            f"the pooler at {console.pooler.place} has no database {console.pooler.database} in its "
            "configuration (an entry * is not enough): add it to [databases] and reload the pooler, or "
            "correct reingest_poolers"
        )
    return found


def sessions(console: Console, seconds: float) -> list[Session]:
    """Return the clients that have a session of the server now."""
    name = console.pooler.database
    servers = _told(
        console,
        "SHOW SERVERS",
        seconds,
        lambda row: row if row["database"] == name and row["state"] == "active" else None,
    )
    clients = dict(_told(console, "SHOW CLIENTS", seconds, lambda row: (_text(row["ptr"]), row)))
    return _as_told(
        console,
        "SHOW SERVERS",
        lambda: [_session(row, clients.get(_text(row["link"]), {})) for row in servers if row],
    )


def _told(
    console: Console, statement: str, seconds: float, read: Callable[[Mapping[str, Any]], T]
) -> list[T]:
    """Return what a pooler answers, each row as it is read.

    Raises:
        Refusal: it is no answer of PgBouncer: another program, or a hostile one.
    """
    return _as_told(console, statement, lambda: [read(row) for row in console.ask(statement, seconds)])


def _as_told(console: Console, statement: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (LookupError, TypeError, ValueError) as error:
        raise Refusal(
            f"the pooler at {console.pooler.place} does not answer {statement} as PgBouncer does "
            f"({type(error).__name__}): look at what listens there, or correct reingest_poolers"
        ) from None


def _text(value: object) -> str:
    """Return a name, or an address.

    Raises:
        ValueError: it is too long to be one.
    """
    text = "" if value is None else str(value)
    if len(text) > _LONGEST:
        raise ValueError("too long")
    return text


def _entry(row: Mapping[str, Any], default_mode: str) -> Entry:
    return Entry(
        name=_text(row["name"]),
        host=_text(row["host"]),
        port=int(row["port"]),
        database=_text(row["database"]) or _text(row["name"]),
        paused=bool(int(row["paused"])),
        disabled=bool(int(row["disabled"])),
        pool_mode=_text(row["pool_mode"]) or default_mode,
    )


def _session(server: Mapping[str, Any], client: Mapping[str, Any]) -> Session:
    place = f"{_text(client['addr'])}:{_text(client['port'])}" if client else "a client that is gone"
    return Session(
        user=_text(server["user"]),
        client=place,
        application=_text(client.get("application_name") or server.get("application_name")),
        since=_text(server["request_time"]),
        server_pid=int(server["remote_pid"] or 0),
    )
