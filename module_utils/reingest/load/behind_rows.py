"""Sequences, and the columns that count by them: each is set behind the furthest value of its columns.

A column counts by a sequence of its own (identity, serial), or by one that its default calls. What a trigger
or a function takes numbers from is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql

from ..dataset.table_name import table_name
from ..postgres.dsn import Connection, Cursor

_SEQUENCES = """
WITH RECURSIVE base AS (
    SELECT t.oid, t.oid AS of FROM pg_type t
    UNION ALL
    SELECT t.typbasetype, b.of FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
), counts AS (
    SELECT objid AS sequence, refobjid AS relation, refobjsubid AS attnum FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, a.adrelid, a.adnum FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
)
SELECT n.nspname, s.relname, q.seqincrement, q.seqmin, q.seqmax,
       EXISTS (SELECT FROM pg_depend e
               WHERE e.classid = 'pg_class'::regclass AND e.objid = s.oid AND e.deptype = 'e'),
       c.oid, tn.nspname, c.relname, a.attname,
       c.relkind IN ('r', 'p')
           AND EXISTS (SELECT FROM base b JOIN pg_type t ON t.oid = b.oid
                       WHERE b.of = a.atttypid AND t.typname IN ('int2', 'int4', 'int8', 'numeric')
                         AND t.typnamespace = 'pg_catalog'::regnamespace)
FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
LEFT JOIN (counts u JOIN pg_class c ON c.oid = u.relation JOIN pg_namespace tn ON tn.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum) ON u.sequence = s.oid
WHERE s.relkind = 'S' AND s.relpersistence <> 't' AND n.nspname !~ '^pg_'
  AND n.nspname NOT IN ('information_schema', 'reingest')
ORDER BY 1, 2, 8, 9, 10
"""
# Rows beyond its limits are none that it can come to: it counts behind the others.
_FURTHEST = "SELECT {edge}({column}) FROM {table} WHERE {column} BETWEEN {least} AND {most}"

Place = tuple[int, bool]  # the last value of a sequence, and whether it was given to somebody


@dataclass(frozen=True)
class Counted:
    """A column that counts by a sequence; ``number`` where its values can be compared with the sequence's."""

    oid: int  # of the relation
    schema: str
    relation: str
    name: str
    number: bool

    @property
    def table(self) -> str:
        """Return the relation's name as the dataset has it."""
        return table_name(self.schema, self.relation)


@dataclass(frozen=True)
class SequenceShape:
    """A sequence, and the columns that count by it."""

    schema: str
    name: str
    increment: int
    least: int
    most: int
    extension: bool  # an extension made it
    columns: tuple[Counted, ...]

    def quoted(self, cursor: Cursor) -> str:
        """Return its name as SQL has it."""
        return str(sql.Identifier(self.schema, self.name).as_string(cursor))

    def place(self, cursor: Cursor) -> Place:
        """Return where it is."""
        cursor.execute(f"SELECT last_value, is_called FROM {self.quoted(cursor)}")  # noqa: S608 - quoted
        last, called = cursor.fetchone()
        return last, called

    def move(self, cursor: Cursor, to: Place) -> None:
        """Set it to a place."""
        cursor.execute("SELECT setval(%s::regclass, %s, %s)", (self.quoted(cursor), *to))

    def further(self, one: Place, other: Place) -> Place:
        """Return that of two places which comes later."""
        return max(one, other) if self.increment > 0 else min(one, other, key=lambda at: (at[0], not at[1]))

    def behind_rows(self, cursor: Cursor, at: Place) -> Place:
        """Return a place, or where the rows have come to, if that is further."""
        for column in self.columns:
            if not column.number:
                continue
            cursor.execute(
                sql.SQL(_FURTHEST).format(
                    edge=sql.SQL("max" if self.increment > 0 else "min"),
                    column=sql.Identifier(column.name),
                    table=sql.Identifier(column.schema, column.relation),
                    least=sql.Literal(self.least),
                    most=sql.Literal(self.most),
                )
            )
            value = cursor.fetchone()[0]
            if value is not None:
                at = self.further(at, (int(value), True))
        return at


def read_sequences(cursor: Cursor) -> list[SequenceShape]:
    """Return the sequences of a database."""
    cursor.execute(_SEQUENCES)
    columns: dict[tuple[str, str, int, int, int, bool], list[Counted]] = {}
    for row in cursor.fetchall():
        own = columns.setdefault(row[:6], [])
        if row[6] is not None:
            own.append(Counted(*row[6:]))
    return [SequenceShape(*of, tuple(own)) for of, own in columns.items()]


def move_behind_rows(connection: Connection) -> None:
    """Set each sequence past the highest value there is, in the caller's transaction; none goes back."""
    with connection.cursor() as cursor:
        for sequence in read_sequences(cursor):
            if sequence.extension or not sequence.columns:
                continue
            at = sequence.place(cursor)
            behind = sequence.behind_rows(cursor, at)
            if behind != at:
                sequence.move(cursor, behind)
