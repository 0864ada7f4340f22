"""An unfinished load, in schema `reingest`: what the next run needs to go on with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..dataset.table_name import table_name
from ..postgres.dsn import Connection
from .constraints import Piece, Reference, SetAside
from .references import Settled

# PostgreSQL empties an unlogged table when it recovers from a crash, and keeps it over a clean stop.
_CREATE = """
CREATE TABLE reingest.resume (
    identity text PRIMARY KEY,
    durable boolean NOT NULL, -- whether the server lost no row by a crash, all the time
    aside text NOT NULL
);
CREATE TABLE reingest.resume_table (
    name text PRIMARY KEY,
    digest text NOT NULL,
    run text NOT NULL,
    read bigint NOT NULL,
    duplicates bigint NOT NULL,
    rejected bigint NOT NULL,
    filtered bigint NOT NULL,
    rejects text NOT NULL,
    orphans bigint NOT NULL DEFAULT 0
);
CREATE UNLOGGED TABLE reingest.alive (since timestamptz NOT NULL DEFAULT now());
GRANT SELECT ON reingest.resume, reingest.resume_table, reingest.alive TO PUBLIC;
INSERT INTO reingest.alive DEFAULT VALUES;
"""
_DURABLE = "current_setting('fsync')::boolean AND current_setting('full_page_writes')::boolean"
# What runs with synchronous_commit off may lose its last commits in a crash, but never one without those
# after it: a table that is written down as filled has its rows, its keys and its indexes.
_WHOLE = f"""
SELECT EXISTS (SELECT FROM reingest.alive)
    OR (durable AND {_DURABLE}
        AND NOT EXISTS (SELECT FROM pg_class WHERE relpersistence = 'u' AND relkind IN ('r', 'S')
                        AND oid <> 'reingest.alive'::regclass)),
       aside
FROM reingest.resume
"""  # noqa: S608 - constants of this file
# Functions in language internal change their own row only.
_ACTIVE = """
SELECT n.nspname, r.relname
FROM pg_class c
JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid)
JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE EXISTS (SELECT FROM pg_trigger t
              JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
              WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
                AND l.lanname <> 'internal')
   OR EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type <> '1')
"""


class UnresumableError(Exception):
    """An unfinished load cannot be resumed; the text says why."""


@dataclass(frozen=True)
class FilledTable:
    """A table that has its rows, keys and indexes, and is proven; ``orphans`` are gone from it already.

    ``digest`` is of all that decides its rows, ``run`` filled it, ``rejects`` is the file of its rejects on
    the worker, empty where there are none.
    """

    name: str
    digest: str
    run: str
    read: int
    duplicates: int
    rejected: int
    filtered: int
    rejects: str
    orphans: int = 0


@dataclass(frozen=True)
class LoadState:
    """What an unfinished load left; the rows of ``active`` tables have had effects elsewhere, maybe."""

    aside: SetAside
    filled: dict[str, FilledTable]
    active: frozenset[str]


def begin_state(connection: Connection, identity: str, aside: SetAside) -> None:
    """Write down what the next run needs to go on with this load, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        cursor.execute(
            f"INSERT INTO reingest.resume VALUES (%s, {_DURABLE}, %s)",  # noqa: S608 - a constant
            (identity, json.dumps(asdict(aside))),
        )


def read_state(connection: Connection, identity: str) -> LoadState:
    """Return what the unfinished load of a database left.

    Raises:
        UnresumableError: there is nothing to go on with, it has another ``identity``, or a crash cost rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.resume') IS NOT NULL")
        if not cursor.fetchone()[0]:
            raise UnresumableError("it left nothing to resume")
        cursor.execute("SELECT identity FROM reingest.resume")
        row = cursor.fetchone()
        if row is None:
            raise UnresumableError("a transform has changed its tables")
        if row[0] != identity:  # its tables here may be another release's of reingest: do not read on
            raise UnresumableError("the schema, or what owns its tables, is not the same any more")
        cursor.execute(_WHOLE)
        whole, aside = cursor.fetchone()
        if not whole:
            raise UnresumableError(
                "the server was not stopped cleanly, and could have lost rows (fsync off, or unlogged)"
            )
        cursor.execute(
            "SELECT name, digest, run, read, duplicates, rejected, filtered, rejects, orphans"
            " FROM reingest.resume_table"
        )
        filled = {row[0]: FilledTable(*row) for row in cursor.fetchall()}
    return LoadState(_set_aside(json.loads(aside)), filled, active_tables(connection))


def active_tables(connection: Connection) -> frozenset[str]:
    """Return the tables with triggers or rules: what these write elsewhere stays when rows are taken back."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE)
        return frozenset(table_name(schema, relation) for schema, relation in cursor.fetchall())


def resume_state(connection: Connection, kept: Mapping[str, str]) -> None:
    """Leave only these tables filled, their rejects at these paths, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM reingest.resume_table WHERE name <> ALL (%s)", (list(kept),))
        for name, rejects in kept.items():
            cursor.execute("UPDATE reingest.resume_table SET rejects = %s WHERE name = %s", (rejects, name))
        cursor.execute(f"UPDATE reingest.resume SET durable = durable AND {_DURABLE}")  # noqa: S608 - a constant
        cursor.execute("TRUNCATE reingest.alive")
        cursor.execute("INSERT INTO reingest.alive DEFAULT VALUES")


def write_filled(connection: Connection, table: FilledTable) -> None:
    """Write down that a table is complete; only after everything of it is committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reingest.resume_table VALUES (%(name)s, %(digest)s, %(run)s, %(read)s,"
            " %(duplicates)s, %(rejected)s, %(filtered)s, %(rejects)s, %(orphans)s)",
            vars(table),
        )


def write_settled(connection: Connection, settled: Settled) -> None:
    """Write down which tables lost orphans, in the transaction that took them out.

    A table whose orphans are still to be traced in its sources is not complete any more.
    """
    with connection.cursor() as cursor:
        for name, count in settled.dropped.items():
            cursor.execute(
                "UPDATE reingest.resume_table SET orphans = orphans + %s WHERE name = %s", (count, name)
            )
        traced = [name for name, orphans in settled.found.items() if orphans]
        cursor.execute("DELETE FROM reingest.resume_table WHERE name = ANY (%s)", (traced,))


def give_up_state(connection: Connection) -> None:
    """Write down that the load cannot be resumed, in the transaction that first changes its rows.

    The tables stay until the end: to drop them here would have all who look at the load wait for a transform.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM reingest.resume")


def end_state(connection: Connection) -> None:
    """Take away what only an unfinished load needs, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TABLE reingest.resume, reingest.resume_table, reingest.resume_sequence, reingest.alive"
        )


def _set_aside(found: dict[str, list[dict[str, Any]]]) -> SetAside:
    return SetAside(
        tuple(Reference(**_with_tuples(one)) for one in found["references"]),
        tuple(Piece(**one) for one in found["pieces"]),
    )


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
