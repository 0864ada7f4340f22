"""What a scan has to know of a table: its columns, what their values are, and its primary key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg2 import sql

from ..dataset.table_name import table_name
from ..postgres.dsn import Connection
from ..postgres.own_rows import own_rows
from .model import NUMBER, OTHER, TEXT, TIME, TRUTH

_WIDE = 200  # bytes of an average value, from which on a text is cut before it is compared

_SIMPLE = {
    "bool": TRUTH,
    "date": TIME,
    "timestamp": TIME,
    "timestamptz": TIME,
    **dict.fromkeys(("int2", "int4", "int8", "numeric", "float4", "float8"), NUMBER),
}
# Of these PostgreSQL 14 has min and max, too.
_ORDERED = frozenset({"time", "timetz", "interval", "oid", "money"})
_SUMMED = frozenset({"int2", "int4", "int8", "numeric"})

# A partitioned table stands for its partitions. Of a domain the type below it counts.
_COLUMNS = """
WITH RECURSIVE base AS (
    SELECT oid AS type, oid, typbasetype FROM pg_type
    UNION ALL SELECT base.type, t.oid, t.typbasetype FROM base JOIN pg_type t ON t.oid = base.typbasetype
    WHERE base.typbasetype <> 0
)
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END,
       t.typcategory, t.typtype, t.typlen = -1, coalesce(s.stawidth > %(wide)s, false)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN base b ON b.type = a.atttypid AND b.typbasetype = 0
LEFT JOIN pg_type t ON t.oid = b.oid
LEFT JOIN LATERAL (
    SELECT max(p.avg_width) AS stawidth FROM pg_stats p
    WHERE p.schemaname = n.nspname AND p.tablename = c.relname AND p.attname = a.attname
) s ON t.typcategory = 'S'
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'reingest') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 1, 2, a.attnum
"""
# Partitions are in another table's scan, so their bytes are, too; those of children count with their parents.
_TABLES = """
SELECT n.nspname, c.relname,
       (WITH RECURSIVE part(oid) AS (
            SELECT c.oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN part ON part.oid = i.inhparent
        ) SELECT sum(pg_total_relation_size(oid)) FROM part)::bigint,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, at)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.at),
       c.relkind = 'p'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
"""


@dataclass(frozen=True)
class ProfiledColumn:
    """A column; ``ordered`` where it has a smallest value, ``summed`` where it has an exact sum."""

    type: str
    kind: str
    ordered: bool
    summed: bool
    variable: bool  # in length
    wide: bool = False  # a text that is long on average
    binary: bool = False  # bytea


@dataclass(frozen=True)
class ProfiledTable:
    """A table, as a scan reads it; ``disk`` is its bytes with indexes and TOAST, of its partitions, too."""

    schema: str
    relation: str
    columns: Mapping[str, ProfiledColumn] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    disk: int = 0
    partitioned: bool = False

    @property
    def name(self) -> str:
        """Return the name as the dataset has it."""
        return table_name(self.schema, self.relation)

    @property
    def own(self) -> sql.Composable:
        """Return the table for a query of its own rows: those of inheritance children are in their scans."""
        return own_rows(self.schema, self.relation, partitioned=self.partitioned)

    def without(self, columns: Collection[str]) -> ProfiledTable:
        """Return the table without some of its columns, and without a key that has one of them."""
        kept = {name: column for name, column in self.columns.items() if name not in columns}
        return replace(self, columns=kept, key=self.key if kept.keys() >= {*self.key} else ())


def read_shapes(connection: Connection) -> dict[str, ProfiledTable]:
    """Return the users' tables by name, as the dataset has them."""
    columns: dict[tuple[str, str], dict[str, ProfiledColumn]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, {"wide": _WIDE})
        for schema, relation, name, *row in cursor.fetchall():
            own = columns.setdefault((schema, relation), {})
            if name is not None:
                own[name] = _column(*row)
        cursor.execute(_TABLES)
        tables = [
            ProfiledTable(schema, relation, columns[schema, relation], tuple(key), disk or 0, partitioned)
            for schema, relation, disk, key, partitioned in cursor.fetchall()
            if (schema, relation) in columns
        ]
    return {table.name: table for table in tables}


def _column(type_: str, base: str, category: str, sort: str, *flags: Any) -> ProfiledColumn:  # noqa: ANN401
    variable, wide = flags
    kind = TEXT if category == "S" else _SIMPLE.get(base, OTHER)
    ordered = kind in (NUMBER, TIME, TEXT) or base in _ORDERED or sort == "e"
    return ProfiledColumn(type_, kind, ordered, base in _SUMMED, variable, wide, base == "bytea")
