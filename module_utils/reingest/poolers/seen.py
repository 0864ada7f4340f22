"""What a pooler says of itself: its entry for the database, its settings, and who keeps it from pausing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Refusal
from .console import Console

SESSION = "session"


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
    return {row["key"]: str(row["value"]) for row in console.ask("SHOW CONFIG", seconds)}


def entries(console: Console, seconds: float, default_mode: str = "") -> dict[str, Entry]:
    """Return the databases that the pooler knows, by name."""
    return {row["name"]: _entry(row, default_mode) for row in console.ask("SHOW DATABASES", seconds)}


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
    servers = {
        row["link"]: row
        for row in console.ask("SHOW SERVERS", seconds)
        if row["database"] == name and row["state"] == "active"
    }
    clients = {row["ptr"]: row for row in console.ask("SHOW CLIENTS", seconds)}
    return [_session(server, clients.get(link, {})) for link, server in servers.items()]


def _entry(row: Mapping[str, Any], default_mode: str) -> Entry:
    return Entry(
        name=row["name"],
        host=row["host"] or "",
        port=int(row["port"]),
        database=row["database"] or row["name"],
        paused=bool(row["paused"]),
        disabled=bool(row["disabled"]),
        pool_mode=row["pool_mode"] or default_mode,
    )


def _session(server: Mapping[str, Any], client: Mapping[str, Any]) -> Session:
    place = f"{client['addr']}:{client['port']}" if client else "a client that is gone"
    return Session(
        user=str(server["user"]),
        client=place,
        application=str(client.get("application_name") or server.get("application_name") or ""),
        since=str(server["request_time"]),
        server_pid=int(server["remote_pid"] or 0),
    )
