"""What a whole database sums up to: its tables, where its sequences are, and its large objects."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2 import sql

from ..errors import Refusal
from ..ownership.checksum import Content, fetched, hash_of, texts_of
from ..postgres.dsn import Connection, Cursor

SEQUENCES, LARGE_OBJECTS = "its sequences", "its large objects"  # beside tables, whose names have a dot
_FIRST_OID = 16384  # what is not PostgreSQL's own: FirstNormalObjectId
# A relation of an extension comes with it, apart from the rows that pg_dump takes of it, too. Partitions are
# relations of their own. Columns by name: a child may have them in another order once it is made again.
_RELATIONS = """
SELECT n.nspname, c.relname, c.relkind::text, coalesce(e.condition, ''),
       ARRAY(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             ORDER BY a.attname::text COLLATE "C")
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (SELECT at.relation, at.condition
           FROM pg_extension, unnest(extconfig, extcondition) AS at (relation, condition)) e
    ON e.relation = c.oid
WHERE c.oid >= %s AND c.relkind IN ('r', 'S') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND (e.relation IS NOT NULL
       OR NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e'))
ORDER BY 1, 2
"""
# A hole of a large object is zeros once it is made again: only what is no zero counts, and where it ends.
_LARGE_OBJECTS = """
SELECT (SELECT count(*) FROM pg_largeobject_metadata),
       coalesce(sum(hashtextextended(format('%s %s %s', loid, pageno, trimmed) COLLATE "C", 0)), 0)
       + (SELECT coalesce(sum(hashtextextended(format('%s %s', loid, ends) COLLATE "C", 0)), 0)
          FROM (SELECT loid, max(pageno::int8 * 2048 + octet_length(data)) AS ends
                FROM pg_largeobject GROUP BY loid) AS each)
FROM (SELECT loid, pageno, rtrim(data, '\\x00'::bytea) AS trimmed FROM pg_largeobject) AS pages
WHERE octet_length(trimmed) > 0
"""


def read_contents(connection: Connection) -> dict[str, Content]:
    """Return what each table sums up to, all sequences, and all large objects.

    Args:
        connection: a pinned session.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RELATIONS, (_FIRST_OID,))
        relations = cursor.fetchall()
        found: dict[str, Content] = {}
        sequences = Content()
        for schema, name, kind, condition, columns in relations:
            relation, shown = sql.Identifier(schema, name), f"{schema}.{name}"
            if kind == "S":
                sequences += _sequence(cursor, relation, shown)
            else:
                found[shown] = found.get(shown, Content()) + _table(cursor, relation, columns, condition)
        cursor.execute(_LARGE_OBJECTS)
        return {**found, SEQUENCES: sequences, LARGE_OBJECTS: fetched(cursor)}


def refuse_different(
    database: str, before: Mapping[str, Content], after: Mapping[str, Content], where: str
) -> None:
    """Refuse a database that is not what was taken.

    Raises:
        Refusal: with each table that differs.
    """
    faults = []
    for name in sorted({*before, *after}):
        was, now = before.get(name, Content()), after.get(name, Content())
        what = name if name in (SEQUENCES, LARGE_OBJECTS) else f"table {name}"
        if was.rows != now.rows:
            faults.append(f"{what}: {was.rows:,} were taken and {now.rows:,} are there")
        elif was != now or (name in before) != (name in after):
            faults.append(f"{what}: another content than where it was taken")
    if faults:
        raise Refusal(f"database {database} is not in {where} as it was taken: {'; '.join(faults)}")


def shown_contents(name: str, sums: Mapping[str, Content]) -> str:
    """Return what a database holds, for the report."""
    tables = [found for table, found in sums.items() if table not in (SEQUENCES, LARGE_OBJECTS)]
    rows, objects = sum(found.rows for found in tables), sums[LARGE_OBJECTS].rows
    said = f"database {name}: {len(tables)} table{'' if len(tables) == 1 else 's'}, {rows:,} rows"
    return f"{said}, {objects:,} large objects" if objects else said


def _table(cursor: Cursor, relation: sql.Identifier, columns: list[str], condition: str) -> Content:
    query = "SELECT count(*), coalesce(sum({hash}), 0) FROM (SELECT * FROM ONLY {table} {only}) AS c"
    parts = {"hash": hash_of(texts_of(columns, "c")), "table": relation, "only": sql.SQL(condition)}
    cursor.execute(sql.SQL(query).format(**parts))
    return fetched(cursor)


def _sequence(cursor: Cursor, relation: sql.Identifier, name: str) -> Content:
    text = sql.SQL("ARRAY[{}, last_value::text, is_called::text]").format(sql.Literal(name))
    cursor.execute(sql.SQL("SELECT 1, {} FROM {}").format(hash_of(text), relation))
    return fetched(cursor)
