"""What a loaded server is asked and told before it stops: settings, VACUUM (FREEZE, ANALYZE), CHECKPOINT."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from .dsn import Cursor, address, connect, with_database
from .load_settings import LOAD_TIME
from .patience import patient
from .settings import NEEDED, is_on

_MAINTENANCE = "postgres"
_SHOWN = (*NEEDED, "wal_level", "data_checksums", "server_version", *LOAD_TIME)
_SETTINGS = """
SELECT name, setting, coalesce(sourcefile || ':' || sourceline, source) FROM pg_settings WHERE name = ANY(%s)
"""
_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"
# A TOAST table is vacuumed with its table; partitions are tables of their own; empty ones need nothing.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND pg_table_size(c.oid) > 0
ORDER BY pg_table_size(c.oid) DESC
"""


@dataclass(frozen=True)
class Shown:
    """What a running server shows of itself."""

    system_identifier: str
    started: datetime
    settings: Mapping[str, str]
    sources: Mapping[str, str]  # of each setting: "<file>:<line>", or a word such as "command line"


def ask_server(dsn: str) -> Shown:
    """Return the server's identity and those settings that a finalise record keeps.

    Raises:
        Refusal: it does not answer, or refuses the login.
    """
    with _session(with_database(dsn, _MAINTENANCE)) as cursor:
        cursor.execute("SELECT system_identifier::text, pg_postmaster_start_time() FROM pg_control_system()")
        identifier, started = cursor.fetchone()
        cursor.execute(_SETTINGS, (list(_SHOWN),))
        rows = cursor.fetchall()
    return Shown(
        identifier,
        started,
        {name: value for name, value, _ in rows},
        {name: source for name, _, source in rows},
    )


def refuse_unsafe(dsn: str, shown: Shown) -> None:
    """Refuse a server that a power cut would damage.

    Raises:
        Refusal: fsync or full_page_writes is off; with where that is said.
    """
    off = [
        f"{name} = {shown.settings[name]} ({shown.sources[name]})"
        for name in NEEDED
        if not is_on(shown.settings[name])
    ]
    if off:
        raise Refusal(
            f"the staging server {address(dsn)} runs with {', '.join(off)}, a power cut would damage the "
            "load: take it out, restart the staging server, and run load.yml, which keeps the rows"
        )


def freeze(dsn: str) -> None:
    """VACUUM (FREEZE, ANALYZE) all tables of all databases but the templates, one for each core at a time.

    One process a table, as each core has one: the workers of a parallel vacuum take 64 MB of /dev/shm, which
    is all that a container has by default. What is frozen already costs little: an aggressive vacuum passes
    over the pages that the visibility map has as frozen. Tables that the login may not vacuum are left out.

    Raises:
        Refusal: a table cannot be vacuumed; with the server's reason.
    """
    dsn = patient(dsn)
    with _session(with_database(dsn, _MAINTENANCE)) as cursor:
        cursor.execute(_DATABASES)
        databases = [row[0] for row in cursor.fetchall()]
    for database in databases:
        _freeze_database(with_database(dsn, database), database)


def checkpoint(dsn: str) -> None:
    """Write everything out, so that the stop in the window has little left to write and the WAL is short.

    A login without the right to it loses only that: the server checkpoints when it stops in any case.
    """
    with (
        _session(with_database(patient(dsn), _MAINTENANCE)) as cursor,
        suppress(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute("CHECKPOINT")


@contextmanager
def _session(dsn: str) -> Iterator[Cursor]:
    with closing(connect(dsn, autocommit=True)) as connection, connection.cursor() as cursor:
        yield cursor


def _freeze_database(dsn: str, database: str) -> None:
    tables: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    with _session(dsn) as cursor:
        cursor.execute("SET search_path = pg_catalog")  # no function of the database's is better than these
        cursor.execute(_TABLES)
        for row in cursor.fetchall():
            tables.put(row)
    jobs = max(1, min(len(os.sched_getaffinity(0)), tables.qsize()))
    with ThreadPoolExecutor(jobs) as pool:
        for job in [pool.submit(_freeze_tables, dsn, database, tables) for _ in range(jobs)]:
            job.result()


def _freeze_tables(dsn: str, database: str, tables: queue.SimpleQueue[tuple[str, str]]) -> None:
    with _session(dsn) as cursor:
        while True:
            try:
                schema, relation = tables.get_nowait()
            except queue.Empty:
                return
            try:
                name = sql.Identifier(schema, relation)
                with suppress(psycopg2.errors.InsufficientPrivilege):  # a schema that is closed to the login
                    cursor.execute(sql.SQL("VACUUM (FREEZE, ANALYZE, PARALLEL 0) {}").format(name))
            except psycopg2.Error as error:
                reason = str(error).strip().partition("\n")[0]
                raise Refusal(
                    f"table {schema}.{relation} of {database} at {address(dsn)} cannot be vacuumed: "
                    f"{reason}; correct that (see the server's log), and run load.yml, which keeps the rows"
                ) from None
