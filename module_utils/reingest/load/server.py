"""The staging and the production server, apart from what is in their tables."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql

from ..dataset.model import Dataset
from ..errors import Refusal
from ..postgres.dsn import Connection, Unreachable, address, connect, with_database
from ..postgres.pins import read_as
from .catalog import TableShape, read_tables
from .locale import Locale, create_database, read_locale
from .provenance import LoadRecord, read_record

MAINTENANCE = "postgres"
_LOCK = 7_235_419_186_024_011_361  # any number, the same for every load
_LOCK_WAIT_MS = 2000  # what the server may need to notice that a killed load is gone
_NAME_LENGTH = 63
# A worker that lost its power says no goodbye: after a minute the server gives its lock back.
_KEEPALIVE = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
_END_MS = 60_000


class LoadUnderWay(Refusal):
    """Somebody loads into the staging server."""


@dataclass(frozen=True)
class Server:
    """What one server says of itself; ``tables`` and ``record`` are empty where it has not the database.

    ``roles`` are the names of its roles, apart from PostgreSQL's own.
    """

    system_identifier: str
    has_database: bool
    tables: dict[str, TableShape]
    record: LoadRecord | None
    roles: frozenset[str] = frozenset()
    locale: Locale | None = None


def dataset_dsn(dsn: str, dataset: Dataset, database: str = "") -> str:
    """Return the string for the dataset's database, or another one, whose sessions read values as it says."""
    return read_as(with_database(dsn, database or dataset.database), dataset.timezone, dataset.dates)


def inspect_server(dsn: str, database: str) -> Server:
    """Return what the server has.

    Raises:
        Refusal: it does not answer, or refuses the login.
    """
    with (
        closing(connect(with_database(dsn, MAINTENANCE), autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
        identifier = cursor.fetchone()[0]
        cursor.execute("SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)", (database,))
        present = cursor.fetchone()[0]
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")
        roles = frozenset(row[0] for row in cursor.fetchall())
        locale = read_locale(connection, database)
    if not present:
        return Server(identifier, has_database=False, tables={}, record=None, roles=roles)
    with closing(connect(with_database(dsn, database), autocommit=True)) as connection:
        return Server(identifier, True, read_tables(connection), read_record(connection), roles, locale)


def inspect_production(dsn: str, database: str, *, required: bool) -> Server | None:
    """Return what production has; None where there is none yet, which only a first ingest may find.

    Raises:
        Refusal: there must be one, and there is none; or the login is refused.
    """
    only = "only an ingest before the first promotion goes without it"
    if not dsn:
        if required:
            raise Refusal(f"production_dsn is missing; {only}")
        return None
    try:
        production = inspect_server(dsn, database)
    except Unreachable as error:
        if required:
            raise Refusal(f"production: {error}; {only}") from error
        return None
    if required and not production.has_database:
        raise Refusal(
            f"production ({address(dsn)}) has no database {database}: correct `database:` in the dataset, "
            f"or the connection string; {only}"
        )
    return production


def inspect_staging(dsn: str, database: str, *, required: bool) -> Server | None:
    """Return what the staging server has; None where it does not run yet and a dry run is content with that.

    Raises:
        Refusal: it must answer and does not, or it refuses the login.
    """
    try:
        # The server may still drop or make the database for a load that was killed a moment ago.
        with contextlib.suppress(LoadUnderWay):
            refuse_second_load(dsn)
        return inspect_server(dsn, database)
    except Unreachable:
        if required:
            raise
        return None


def lock_holder(connection: Connection) -> str:
    """Return who loads into the staging server now, for a refusal; empty when nobody does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.pid, a.application_name, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ')"
            " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s",
            (_LOCK >> 32, _LOCK & 0xFFFFFFFF),
        )
        row = cursor.fetchone()
    return f"{row[1]} (server process {row[0]}) since {row[2]}" if row else ""


def refuse_second_load(dsn: str, ended: Collection[str] = ()) -> None:
    """Refuse when a load is under way; one that was killed a moment ago is none.

    Nor is one of the runs ``ended``, whose load a dry run takes for ended.

    Raises:
        LoadUnderWay: names who loads.
    """
    if ended:
        with closing(connect(with_database(dsn, MAINTENANCE), autocommit=True)) as connection:
            holder = lock_holder(connection)
        if any(holder.startswith(f"reingest load {run} ") for run in ended):
            return
    with load_lock(dsn, "reingest"):
        pass


@contextmanager
def load_lock(dsn: str, name: str) -> Iterator[Connection]:
    """Hold the staging server for one load, and give the connection that holds it.

    Raises:
        LoadUnderWay: another load has it.
    """
    maintenance = with_database(dsn, MAINTENANCE)
    with closing(connect(maintenance, application_name=name[:_NAME_LENGTH], autocommit=True)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", (str(_LOCK_WAIT_MS),))
            cursor.execute(_KEEPALIVE)
            try:
                cursor.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            except psycopg2.errors.LockNotAvailable:
                raise _under_way(dsn, lock_holder(connection) or "somebody") from None
            cursor.execute("RESET lock_timeout")
        yield connection


def replace_database(connection: Connection, name: str, locale: Locale | None) -> None:
    """Drop what an earlier load left, with whoever is connected to it, and make the database anew, empty.

    Raises:
        Refusal: the server cannot make it with production's ``locale``.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    create_database(connection, name, locale)


def end_sessions(connection: Connection, database: str) -> None:
    """End every other session on a database, and wait until they are gone.

    A load that was killed leaves some: its client is gone, and the server builds the index to its end.

    Raises:
        Refusal: one does not end.
        psycopg2.Error: the login may not end one.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, application_name FROM pg_stat_activity"
            " WHERE datname = %s AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
            (database,),
        )
        for pid, name in cursor.fetchall():
            cursor.execute("SELECT pg_terminate_backend(%s, %s)", (pid, _END_MS))
            cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", (pid,))
            if cursor.fetchone()[0]:
                raise Refusal(
                    f"server process {pid} ({name or 'of no name'}) on database {database} does not end: "
                    "look at the staging server, restart it, then run again"
                )


def _under_way(dsn: str, holder: str) -> LoadUnderWay:
    return LoadUnderWay(
        f"a load into {address(dsn)} is under way: {holder}; "
        "playbooks/status.yml shows how far it is: wait until it ends, or end it with "
        "playbooks/stop.yml"
    )
