"""What tables a database has, as its catalog tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from ..dataset.table_name import table_name
from ..postgres.dsn import Connection
from ..postgres.own_rows import own_rows

PLAIN, JSON, ARRAY = "plain", "json", "array"

_COLUMNS = """
SELECT n.nspname, c.relname, c.relkind = 'p', a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN b.typname IN ('json', 'jsonb') THEN 'json'
            WHEN b.typcategory = 'A' THEN 'array' ELSE 'plain' END,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', a.attgenerated <> ''
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'reingest') AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2, a.attnum
"""
_CONSTRAINTS = """
SELECT n.nspname, c.relname, k.conname, k.contype = 'p',
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, at)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.at)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('p', 'c')
"""


@dataclass(frozen=True)
class ColumnShape:
    """A column; ``required`` when it takes no NULL and nothing but the load can give it a value.

    ``generated``: PostgreSQL computes it, and takes no value for it.
    """

    name: str
    type: str
    kind: str
    required: bool
    generated: bool = False


@dataclass(frozen=True)
class TableShape:
    """A table; ``checks`` are the columns that each check constraint reads."""

    schema: str
    relation: str
    partitioned: bool
    columns: dict[str, ColumnShape]
    primary_key: tuple[str, ...]
    checks: dict[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        """Return the name as the dataset has it."""
        return table_name(self.schema, self.relation)

    @property
    def identifier(self) -> sql.Identifier:
        """Return the name as SQL has it."""
        return sql.Identifier(self.schema, self.relation)

    @property
    def own(self) -> sql.Composable:
        """Return it for a statement about its own rows, not those of its inheritance children."""
        return own_rows(self.schema, self.relation, partitioned=self.partitioned)


def read_tables(connection: Connection) -> dict[str, TableShape]:
    """Return the users' tables by name; a partitioned table stands for its partitions."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        columns = cursor.fetchall()
        cursor.execute(_CONSTRAINTS)
        constraints = cursor.fetchall()
    shapes: dict[tuple[str, str], dict[str, Any]] = {}
    for schema, relation, partitioned, name, *column in columns:
        empty = {"partitioned": partitioned, "columns": {}, "key": (), "checks": {}}
        shape = shapes.setdefault((schema, relation), empty)
        if name is not None:
            shape["columns"][name] = ColumnShape(name, *column)
    for schema, relation, name, primary, keys in constraints:
        if (schema, relation) not in shapes:
            continue
        if primary:
            shapes[schema, relation]["key"] = tuple(keys)
        else:
            shapes[schema, relation]["checks"][name] = tuple(keys)
    return {
        table_name(schema, relation): TableShape(
            schema, relation, shape["partitioned"], shape["columns"], shape["key"], shape["checks"]
        )
        for (schema, relation), shape in shapes.items()
    }
