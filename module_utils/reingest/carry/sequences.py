"""Sequences: portal rows go on counting where production had come to, also by one that no column owns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg2 import sql

from ..dataset.table_name import table_name
from ..postgres.dsn import Connection, Cursor
from .unit import Counter

# A column counts by its own sequence, or by one that its default calls.
_SEQUENCES = """
SELECT n.nspname, s.relname, q.seqincrement,
       coalesce(array_agg(u.relation) FILTER (WHERE u.relation IS NOT NULL), '{}'),
       coalesce(array_agg(u.attnum::int) FILTER (WHERE u.relation IS NOT NULL), '{}')
FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
LEFT JOIN (
    SELECT objid AS sequence, refobjid AS relation, refobjsubid AS attnum FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, a.adrelid, a.adnum FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
) AS u ON u.sequence = s.oid
WHERE s.relkind = 'S' AND s.relpersistence <> 't' AND n.nspname !~ '^pg_'
  AND n.nspname NOT IN ('information_schema', 'reingest')
GROUP BY 1, 2, 3 ORDER BY 1, 2
"""


def read_counters(connection: Connection, oids: Collection[int]) -> tuple[Counter, ...]:
    """Return the sequences of these relations, and those of nobody."""
    found = []
    with connection.cursor() as cursor:
        for there in _read(cursor):
            owners = {oid for oid, _ in there.columns}
            if not owners or owners & set(oids):
                last, called = _value(cursor, there)
                found.append(Counter(there.schema, there.name, last, called, shared=bool(owners - set(oids))))
    return tuple(found)


def move_counters(connection: Connection, live: Sequence[Counter], oids: Collection[int]) -> list[str]:
    """Set sequences to where production's are.

    One that source rows count by, too, takes the higher of both; none is left below the rows.

    Args:
        connection: the database that is to serve, its rows in place.
        live: production's sequences.
        oids: the portal-owned relations of the database that is to serve.

    Returns:
        The names of production's that this database has not.
    """
    missing = []
    with connection.cursor() as cursor:
        there = {(one.schema, one.name): one for one in _read(cursor)}
        for counter in live:
            new = there.get((counter.schema, counter.name))
            if new is None:
                missing.append(table_name(counter.schema, counter.name))
                continue
            up, at = new.increment > 0, (counter.last, counter.called)
            if counter.shared or any(oid not in oids for oid, _ in new.columns):
                at = _further(at, _value(cursor, new), up=up)
            rows = _furthest(cursor, new, up=up)
            if rows is not None and (rows > at[0] if up else rows < at[0]):
                at = (rows, True)
            cursor.execute("SELECT setval(%s::regclass, %s, %s)", (new.quoted(cursor), *at))
    return missing


@dataclass(frozen=True)
class _Sequence:
    """A sequence, and the columns that count by it: the relation's oid, and the column's number."""

    schema: str
    name: str
    increment: int
    columns: tuple[tuple[int, int], ...]

    def quoted(self, cursor: Cursor) -> str:
        """Return its name as SQL has it."""
        return str(sql.Identifier(self.schema, self.name).as_string(cursor))


def _read(cursor: Cursor) -> list[_Sequence]:
    cursor.execute(_SEQUENCES)
    return [
        _Sequence(schema, name, increment, tuple(zip(relations, numbers)))
        for schema, name, increment, relations, numbers in cursor.fetchall()
    ]


def _value(cursor: Cursor, sequence: _Sequence) -> tuple[int, bool]:
    cursor.execute(f"SELECT last_value, is_called FROM {sequence.quoted(cursor)}")  # noqa: S608 - quoted
    last, called = cursor.fetchone()
    return last, called


def _further(one: tuple[int, bool], other: tuple[int, bool], *, up: bool) -> tuple[int, bool]:
    return max(one, other) if up else min(one, other, key=lambda at: (at[0], not at[1]))


def _furthest(cursor: Cursor, sequence: _Sequence, *, up: bool) -> int | None:
    """Return the furthest value of the columns that count by it; None where there is no row."""
    furthest = None
    for oid, number in sequence.columns:
        cursor.execute(
            "SELECT n.nspname, c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid"
            " WHERE a.attrelid = %s AND a.attnum = %s AND t.typname IN ('int2', 'int4', 'int8')",
            (oid, number),
        )
        row = cursor.fetchone()
        if row is None:
            continue
        cursor.execute(
            sql.SQL("SELECT {edge}({column}) FROM {table}").format(
                edge=sql.SQL("max" if up else "min"),
                column=sql.Identifier(row[2]),
                table=sql.Identifier(row[0], row[1]),
            )
        )
        value = cursor.fetchone()[0]
        if value is not None and (furthest is None or (value > furthest if up else value < furthest)):
            furthest = value
    return furthest
