"""The fence: from now on nobody but us is in a database, whatever their role, however fast they return.

PostgreSQL lets nobody in while ``datallowconn`` is false, superusers included. It is set from another
database (PostgreSQL refuses it from inside) and lies on disk with the database: a server that is started
again is still fenced. What was let in before is ended. A session that only just starts is no client in
``pg_stat_activity`` yet, but holds a lock on the database's own object (``InitPostgres`` in
``src/backend/utils/init/postinit.c``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..load.script import refused
from ..postgres.dsn import Connection, Cursor, address, connect, with_database

MAINTENANCE = "postgres"
_POLL_S = 0.02
_CLOSE = "ALTER DATABASE {} ALLOW_CONNECTIONS false"
_OPEN = "ALTER DATABASE {} ALLOW_CONNECTIONS true"
# Autovacuum is let in, and changes no rows. A parallel worker ends with its leader.
_OTHERS = """
WITH here AS (SELECT oid FROM pg_database WHERE datname = %(database)s)
SELECT DISTINCT p.pid, coalesce(a.application_name, ''), coalesce(a.usename::text, ''),
       coalesce(host(a.client_addr), 'local'), coalesce(extract(epoch FROM now() - a.xact_start)::float8, 0),
       a.xact_start IS NOT NULL, coalesce(left(regexp_replace(a.query, '\\s+', ' ', 'g'), 60), '')
FROM (SELECT pid FROM pg_stat_activity, here WHERE datid = here.oid
      UNION
      SELECT pid FROM pg_locks, here WHERE locktype = 'object' AND database = 0
          AND classid = 'pg_database'::regclass AND objid = here.oid AND pid IS NOT NULL) AS p
LEFT JOIN pg_stat_activity a ON a.pid = p.pid
WHERE p.pid <> ALL(%(ours)s) AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
"""
_PREPARED = (
    "SELECT gid, owner::text, prepared::text FROM pg_prepared_xacts WHERE database = %s ORDER BY prepared"
)


@dataclass(frozen=True)
class Ended:
    """A session that was ended for the fence."""

    pid: int
    application: str
    role: str
    client: str
    age: float  # of its transaction, in seconds
    query: str  # its first words

    def __str__(self) -> str:
        """Return who it was, on one line."""
        name = self.application or "of no name"
        doing = f", in a transaction since {self.age:.1f} s ({self.query})" if self.age else ""
        role = self.role or "not known yet"
        return f"{name} (role {role}, from {self.client}, server process {self.pid}){doing}"


@dataclass(frozen=True)
class Patience:
    """How many seconds transactions have to end by themselves, and sessions that were ended to be gone.

    ``longest`` is for one database that is carried whole: pg_dump, pg_restore.
    """

    drain: float = 5.0
    end: float = 15.0
    longest: float = 3600.0


def control_session(dsn: str) -> Connection:
    """Open the session that fences: to another database of the same server, as a superuser, on a primary.

    Raises:
        Refusal: it is none of these, with what is missing.
    """
    login = with_database(dsn, MAINTENANCE)
    try:
        connection = connect(login, application_name="reingest fence", autocommit=True)
    except Refusal as refusal:
        if f'database "{MAINTENANCE}" does not exist' not in str(refusal):
            raise
        raise Refusal(
            f"{refusal}; a database is fenced from another one of its server: CREATE DATABASE {MAINTENANCE}"
        ) from None
    fault = _unfit(connection, dsn)
    if fault:
        connection.close()
        raise Refusal(fault)
    return connection


def _unfit(connection: Connection, dsn: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, current_user::text, pg_is_in_recovery() FROM pg_roles"
            " WHERE rolname = current_user"
        )
        superuser, role, standby = cursor.fetchone()
    if standby:
        return f"{address(dsn)} is a standby: name the primary"
    if not superuser:
        return (
            f"role {role} at {address(dsn)} is no superuser, and only one can fence a database and see every "
            "row of it: name a superuser's connection string"
        )
    return ""


def identifier_of(control: Connection) -> str:
    """Return the server's system identifier."""
    with control.cursor() as cursor:
        cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
        return str(cursor.fetchone()[0])


def is_fenced(control: Connection, database: str) -> bool | None:
    """Return whether a database lets nobody in; None where there is no such database."""
    with control.cursor() as cursor:
        cursor.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", (database,))
        row = cursor.fetchone()
    return None if row is None else not row[0]


def lets_in(login: str, database: str) -> bool:
    """Return whether a database is there under its name and lets clients in.

    Raises:
        Refusal: the server does not answer, or the login is no superuser's.
    """
    with refused("looking at the fence", "the server"), closing(control_session(login)) as control:
        return is_fenced(control, database) is False


def raise_fence(
    control: Connection, database: str, data: Sequence[Connection], patience: Patience
) -> tuple[Ended, ...]:
    """Fence a database; when this returns nobody but ``data`` is in it.

    Args:
        control: what ``control_session`` returned.
        database: the database.
        data: our own sessions in it, opened before.
        patience: how long to wait.

    Returns:
        The sessions that were ended.

    Raises:
        Refusal: one does not end, or a prepared transaction is left; the fence is lifted again.
    """
    ours = [connection.info.backend_pid for connection in data]
    with control.cursor() as cursor:
        cursor.execute(sql.SQL(_CLOSE).format(sql.Identifier(database)))
        try:
            ended = _end_others(cursor, database, ours, patience)
            refuse_prepared(control, database)
        except BaseException:
            with suppress(psycopg2.Error):  # a server that is gone keeps its fence: whoever recovers lifts it
                lift_fence(control, database)
            raise
    return ended


def lift_fence(control: Connection, database: str) -> None:
    """Let clients in again."""
    with control.cursor() as cursor:
        cursor.execute(sql.SQL(_OPEN).format(sql.Identifier(database)))


def _end_others(
    cursor: Cursor, database: str, ours: Collection[int], patience: Patience
) -> tuple[Ended, ...]:
    began = time.monotonic()
    ended: dict[int, Ended] = {}
    while True:
        cursor.execute(_OTHERS, {"database": database, "ours": list(ours)})
        rows = cursor.fetchall()
        if not rows:
            return tuple(ended.values())
        waited = time.monotonic() - began
        if waited > patience.drain + patience.end:
            left = "; ".join(str(_ended(row)) for row in rows)
            raise Refusal(
                f"these sessions on database {database} do not end: {left}; end them yourself, then run again"
            )
        for row in rows:
            working = row[5]
            if working and waited < patience.drain:
                continue  # its transaction may come to its own end
            cursor.execute("SELECT pg_terminate_backend(%s)", (row[0],))
            ended.setdefault(row[0], _ended(row))
        time.sleep(_POLL_S)


def _ended(row: Sequence[Any]) -> Ended:
    pid, application, role, client, age, working, query = row
    return Ended(pid, application, role, client, float(age) if working else 0.0, query)


def refuse_prepared(control: Connection, database: str) -> None:
    """Refuse a database with prepared transactions: they survive every fence unseen.

    Raises:
        Refusal: there are some.
    """
    with control.cursor() as cursor:
        cursor.execute(_PREPARED, (database,))
        left = "; ".join(f"{gid} of {owner}, prepared at {at}" for gid, owner, at in cursor.fetchall())
    if left:
        raise Refusal(
            f"database {database} has prepared transactions, whose rows nobody can see: {left}; COMMIT "
            "PREPARED or ROLLBACK PREPARED them, then run again"
        )
