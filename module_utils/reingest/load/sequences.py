"""Sequences: moved behind loaded values, and set back when a load that ended early is resumed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from psycopg2 import sql

from ..dataset.table_name import table_name
from ..postgres.dsn import Connection
from .rows import Feed

_LOADED = """
SELECT n.nspname, c.relname, a.attname,
       pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE (n.nspname, c.relname) IN %s AND c.relkind IN ('r', 'p')
  AND pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname) IS NOT NULL
"""
_CREATE = """
CREATE TABLE reingest.resume_sequence (
    sequence text PRIMARY KEY,
    tables text[] NOT NULL, -- whose columns count by it
    began bigint NOT NULL,
    began_called boolean NOT NULL,
    filled bigint, -- when all tables were filled
    filled_called boolean
);
GRANT SELECT ON reingest.resume_sequence TO PUBLIC;
"""
# Names as PostgreSQL quotes them. A column counts by its own sequence, or by one that its default calls.
_USED = """
SELECT format('%I.%I', n.nspname, s.relname), tn.nspname, t.relname
FROM pg_class s JOIN pg_namespace n ON n.oid = s.relnamespace
LEFT JOIN (
    SELECT objid AS sequence, refobjid AS relation FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, a.adrelid FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
) AS used ON used.sequence = s.oid
LEFT JOIN (pg_class t JOIN pg_namespace tn ON tn.oid = t.relnamespace) ON t.oid = used.relation
WHERE s.relkind = 'S' ORDER BY 1, 2, 3
"""


def move_sequences(connection: Connection, feeds: Sequence[Feed]) -> None:
    """Set each sequence of a loaded column behind the values that the sources brought."""
    loaded = {
        (feed.shape.schema, feed.shape.relation): {column.name for column in feed.table.columns}
        for feed in feeds
    }
    if not loaded:
        return
    with connection.cursor() as cursor:
        cursor.execute(_LOADED, (tuple(loaded),))
        for schema, relation, column, sequence in cursor.fetchall():
            if column in loaded[schema, relation]:
                statement = sql.SQL("SELECT setval(%s, max({column})) FROM {table} HAVING max({column}) > 0")
                names = {"column": sql.Identifier(column), "table": sql.Identifier(schema, relation)}
                cursor.execute(statement.format(**names), (sequence,))


def begin_sequences(connection: Connection) -> None:
    """Write down where the schema has left its sequences, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        cursor.execute(_USED)
        tables: dict[str, list[str]] = {}
        for sequence, schema, table in cursor.fetchall():
            own = tables.setdefault(sequence, [])
            if table is not None:
                own.append(table_name(schema, table))
        for sequence, own in tables.items():
            cursor.execute(
                "INSERT INTO reingest.resume_sequence SELECT %s, %s::text[], last_value, is_called"  # noqa: S608
                f" FROM {sequence}",
                (sequence, own),
            )


def keep_sequences(connection: Connection) -> None:
    """Write down where the sequences are before a transform takes numbers, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequence FROM reingest.resume_sequence")
        for (sequence,) in cursor.fetchall():
            cursor.execute(
                "UPDATE reingest.resume_sequence SET (filled, filled_called) ="  # noqa: S608
                f" (SELECT last_value, is_called FROM {sequence}) WHERE sequence = %s",
                (sequence,),
            )


def resume_sequences(connection: Connection, kept: Collection[str]) -> None:
    """Set the sequences back to where they were when only these tables were filled."""
    with connection.cursor() as cursor:
        others = "NOT tables && %s::text[]"
        cursor.execute(
            f"UPDATE reingest.resume_sequence SET filled = NULL, filled_called = NULL WHERE {others}",  # noqa: S608
            (list(kept),),
        )
        cursor.execute(
            "SELECT setval(sequence::regclass, began, began_called)"  # noqa: S608
            f" FROM reingest.resume_sequence WHERE {others}",
            (list(kept),),
        )
        cursor.execute(
            "SELECT setval(sequence::regclass, filled, filled_called) FROM reingest.resume_sequence"
            " WHERE filled IS NOT NULL"
        )
