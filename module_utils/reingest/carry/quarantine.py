"""Rows whose parent is gone: kept in schema ``reingest``, counted, and back in their table when it is back.

A row lies there as the texts of its columns, in the formats that every session of reingest pins: what was
read from it and what is made of it again is the same, whatever becomes of the table's other columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg2
from psycopg2 import sql

from ..ownership.checksum import Content, fetched, hash_of, texts_of
from ..postgres.dsn import Connection, Cursor
from .unit import Relation, Unit

_CREATE = """
CREATE SCHEMA IF NOT EXISTS reingest;
CREATE TABLE IF NOT EXISTS reingest.quarantine (
    relation text NOT NULL, -- schema and name, as PostgreSQL quotes them
    columns text[] NOT NULL,
    row_values text[] NOT NULL,
    reason text NOT NULL,
    run text NOT NULL, -- the run that first set the row aside
    since timestamptz NOT NULL
);
COMMENT ON TABLE reingest.quarantine IS 'Rows of portal-owned tables whose parent is gone; see
docs/carry-over.md'; GRANT USAGE ON SCHEMA reingest TO PUBLIC;
-- It has no key: without this a publication FOR ALL TABLES would forbid to take a row out of it.
ALTER TABLE reingest.quarantine REPLICA IDENTITY FULL;
"""
_TYPES = """
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
WHERE a.attrelid = format('%%I.%%I', %s::text, %s::text)::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass
class Settled:
    """What became of orphans, by table."""

    dropped: dict[str, Content] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def name_of(relation: Relation) -> sql.Composable:
    """Return a relation's name as the quarantine has it; no parameter, which a % in a name would break."""
    return sql.SQL("format('%I.%I', {}::text, {}::text)").format(*map(sql.Literal, relation))


def columns_of(unit: Unit) -> sql.Composable:
    """Return the list of columns as the quarantine has it."""
    return sql.SQL("{}::text[]").format(sql.Literal(list(unit.columns)))


def has_quarantine(connection: Connection) -> bool:
    """Return whether a database has a quarantine at all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.quarantine') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def make_quarantine(cursor: Cursor) -> None:
    """Make the quarantine where there is none, and empty it: production's comes instead."""
    cursor.execute(_CREATE)
    cursor.execute("TRUNCATE reingest.quarantine")


def quarantine_sum(connection: Connection, relation: Relation) -> Content:
    """Return what a relation's rows in quarantine sum up to; nothing where there is no quarantine."""
    if not has_quarantine(connection):
        return Content()
    with connection.cursor() as cursor:
        hashed = hash_of(sql.SQL("q.row_values"))
        cursor.execute(
            sql.SQL(
                "SELECT count(*), coalesce(sum({hash}), 0) FROM reingest.quarantine q"
                " WHERE q.relation = {name}"
            ).format(hash=hashed, name=name_of(relation))
        )
        return fetched(cursor)


def follow_rows(cursor: Cursor, units: Sequence[Unit]) -> None:
    """Let the rows in quarantine of a child that is not there belong to the table that takes its rows."""
    for unit in units:
        if unit.source != unit.target:
            cursor.execute(
                sql.SQL("UPDATE reingest.quarantine SET relation = {} WHERE relation = {}").format(
                    name_of(unit.target), name_of(unit.source)
                )
            )


def return_rows(cursor: Cursor, units: Sequence[Unit]) -> None:
    """Put the rows in quarantine back into their tables, where nothing has their key; orphans leave again.

    Those of another list of columns than the table has today stay where they are.
    """
    cursor.execute("CREATE TEMPORARY TABLE was ON COMMIT DROP AS TABLE reingest.quarantine")
    for unit in units:
        if not _returned_together(cursor, unit):
            for ctid in _set_aside(cursor, unit):
                _return(cursor, unit, ctid)


def _set_aside(cursor: Cursor, unit: Unit) -> list[str]:
    cursor.execute(
        sql.SQL("SELECT ctid::text FROM reingest.quarantine WHERE relation = {} AND columns = {}").format(
            name_of(unit.target), columns_of(unit)
        )
    )
    return [ctid for (ctid,) in cursor.fetchall()]


def _returned_together(cursor: Cursor, unit: Unit) -> bool:
    """Put all rows of a unit back that the table takes; return False where each must be tried by itself."""
    statement = sql.SQL(
        "WITH back AS ({insert} WHERE q.relation = {name} AND q.columns = {columns}"
        " ON CONFLICT DO NOTHING RETURNING {texts} AS found),"
        " gone AS (DELETE FROM reingest.quarantine q WHERE q.relation = {name} AND q.columns = {columns}"
        " AND q.row_values IN (SELECT found FROM back) RETURNING 1)"
        " SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM back)"
    ).format(
        insert=_insert(cursor, unit),
        name=name_of(unit.target),
        columns=columns_of(unit),
        texts=texts_of(unit.columns, "c"),
    )
    cursor.execute("SAVEPOINT quarantined")
    try:
        cursor.execute(statement)
        gone, back = cursor.fetchone()
    except (psycopg2.DataError, psycopg2.IntegrityError):  # a CHECK that is new, say
        gone, back = 1, 0
    if gone != back:  # or of several alike one was put back, and the others have its key
        cursor.execute("ROLLBACK TO SAVEPOINT quarantined")
    cursor.execute("RELEASE SAVEPOINT quarantined")
    return bool(gone == back)


def _insert(cursor: Cursor, unit: Unit) -> sql.Composable:
    """Return the statement that makes rows of their texts again, without its WHERE."""
    cursor.execute(_TYPES, unit.target)
    kinds = dict(cursor.fetchall())
    values = sql.SQL(", ").join(
        sql.SQL("q.row_values[{}]::{}").format(sql.Literal(place), sql.SQL(kinds[name]))
        for place, name in enumerate(unit.columns, 1)
    )
    return sql.SQL(
        "INSERT INTO {table} AS c ({columns}) OVERRIDING SYSTEM VALUE"
        " SELECT {values} FROM reingest.quarantine q"
    ).format(
        table=sql.Identifier(*unit.target),
        columns=sql.SQL(", ").join(map(sql.Identifier, unit.columns)),
        values=values,
    )


def _return(cursor: Cursor, unit: Unit, ctid: str) -> None:
    """Put one row back where the table takes it."""
    insert = sql.SQL("{} WHERE q.ctid = {}::tid ON CONFLICT DO NOTHING").format(
        _insert(cursor, unit), sql.Literal(ctid)
    )
    cursor.execute("SAVEPOINT quarantined")
    try:
        cursor.execute(insert)
        taken = bool(cursor.rowcount)
    except (psycopg2.DataError, psycopg2.IntegrityError):  # a CHECK that is new, say
        cursor.execute("ROLLBACK TO SAVEPOINT quarantined")
        taken = False
    cursor.execute("RELEASE SAVEPOINT quarantined")
    if taken:
        cursor.execute("DELETE FROM reingest.quarantine WHERE ctid = %s::tid", (ctid,))
