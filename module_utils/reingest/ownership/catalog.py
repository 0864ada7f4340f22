"""A database's tables, types and references, as its catalogue has them: what ownership is judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg2 import sql

from ..dataset.table_name import table_name
from ..postgres.dsn import Connection, Cursor
from .types import Type, read_types

# Names come out in one form whatever the schema's file has set: all but PostgreSQL's own with their schema.
_PATH = "SELECT current_setting('search_path'), set_config('search_path', 'pg_catalog', false)"
_PATH_BEFORE = "SELECT set_config('search_path', %s, false)"
_TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind = 'p', c.relispartition,
       CASE WHEN c.relispartition AND c.relkind <> 'p' THEN pg_get_partition_constraintdef(c.oid) END,
       ARRAY(SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid <> ALL (%s)
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'reingest') AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 2, 3
"""
# A generated column's expression depends on the columns that it reads; by itself, or the column does.
_COLUMNS = """
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity <> '',
       a.attgenerated <> '', coalesce(pg_get_expr(ad.adbin, ad.adrelid), ''),
       ARRAY(SELECT r.attname::text FROM pg_depend d
             JOIN pg_attribute r ON r.attrelid = d.refobjid AND r.attnum = d.refobjsubid
             WHERE a.attgenerated <> '' AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
               AND d.refobjsubid <> a.attnum
               AND (d.classid = 'pg_attrdef'::regclass AND d.objid = ad.oid
                    OR d.classid = 'pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum))
FROM pg_attribute a
LEFT JOIN pg_attrdef ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum
WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
_CHECKS = """
SELECT conrelid, conname, pg_get_expr(conbin, conrelid), convalidated FROM pg_constraint
WHERE contype = 'c' AND conrelid = ANY (%s) ORDER BY 2
"""
_KEYS = """
SELECT i.indrelid, x.relname, i.indisprimary,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, at, false) FROM generate_series(1, i.indnkeyatts) at),
       coalesce(pg_get_expr(i.indpred, i.indrelid), '')
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
WHERE i.indisunique AND i.indisvalid AND i.indrelid = ANY (%s) ORDER BY 2
"""
_REFERENCES = """
SELECT k.conrelid, k.conname, k.confrelid,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, at)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.at),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(attnum, at)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.at)
FROM pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = ANY (%s) AND k.confrelid = ANY (%s)
ORDER BY 2
"""


@dataclass(frozen=True)
class Column:
    """A column; ``default`` is its default, or what a generated one is computed from, as an expression.

    ``reads`` are the columns that a generated one is computed from.
    """

    name: str
    type: str
    not_null: bool = False
    identity: bool = False
    generated: bool = False
    default: str = ""
    reads: tuple[str, ...] = ()

    @property
    def filled(self) -> bool:
        """Return whether a row that brings no value gets one."""
        return self.identity or self.generated or bool(self.default)

    @property
    def numbered(self) -> bool:
        """Return whether the database counts its values: an identity, or a sequence by its default."""
        return self.identity or (not self.generated and "nextval(" in self.default)


@dataclass(frozen=True)
class Key:
    """A unique index: its columns or expressions, and the condition of a partial one."""

    primary: bool
    parts: tuple[str, ...]
    where: str = ""


@dataclass(frozen=True)
class Table:
    """A table; ``parents`` are those that it inherits from, or is a partition of.

    ``checks`` are expressions by the constraint's name; those of ``unproven`` may have rows that break them.
    ``keys`` are what is unique by the index's name.
    ``partitions`` are the conditions of all leaves of a partitioned table.
    """

    schema: str
    relation: str
    partitioned: bool = False
    partition: bool = False
    parents: tuple[str, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    unproven: tuple[str, ...] = ()
    keys: Mapping[str, Key] = field(default_factory=dict)
    partitions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name as the dataset has it."""
        return table_name(self.schema, self.relation)

    @property
    def identifier(self) -> sql.Identifier:
        """Return the name as SQL has it."""
        return sql.Identifier(self.schema, self.relation)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Return the expressions of the primary key, names as SQL has them; none without one."""
        return next((key.parts for key in self.keys.values() if key.primary), ())


@dataclass(frozen=True)
class Reference:
    """A foreign key, by names as the dataset has them."""

    name: str
    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Catalog:
    """All tables, partitions and inheritance children too, by name; types by the name that columns have."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    types: Mapping[str, Type] = field(default_factory=dict)
    large_objects: bool = False  # of users

    @property
    def roots(self) -> list[str]:
        """Return the tables that are no part of another one."""
        return [name for name, table in self.tables.items() if not table.parents]


def read_catalog(connection: Connection, *, without: Sequence[int] = ()) -> Catalog:
    """Return what a database consists of; the session keeps its search path.

    Args:
        connection: to the database.
        without: the OIDs of tables that are none of it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PATH)
        path = cursor.fetchone()[0]
        cursor.execute(_TABLES, (list(without),))
        found = {
            oid: (Table(schema, relation, partitioned, partition), bound, parents)
            for oid, schema, relation, partitioned, partition, bound, parents in cursor.fetchall()
        }
        names = {oid: table.name for oid, (table, _, _) in found.items()}
        ids = list(found)
        columns = _columns(cursor, ids)
        checks = _by_table(cursor, _CHECKS, ids)
        keys = {
            oid: {name: Key(primary, tuple(parts), where) for name, primary, parts, where in rows}
            for oid, rows in _by_table(cursor, _KEYS, ids).items()
        }
        leaves = _leaves({oid: (bound, parents) for oid, (_, bound, parents) in found.items()})
        cursor.execute(_REFERENCES, (ids, ids))
        references = tuple(
            Reference(name, names[child], tuple(own), names[parent], tuple(their))
            for child, name, parent, own, their in cursor.fetchall()
        )
        types = read_types(cursor)
        large_objects = _has_large_objects(cursor)
        cursor.execute(_PATH_BEFORE, (path,))
    tables = {
        names[oid]: replace(
            table,
            parents=tuple(names[parent] for parent in parents if parent in names),
            columns=columns.get(oid, {}),
            checks={name: expression for name, expression, _ in checks.get(oid, [])},
            unproven=tuple(name for name, _, proven in checks.get(oid, []) if not proven),
            keys=keys.get(oid, {}),
            partitions=tuple(sorted(leaves.get(oid, []))),
        )
        for oid, (table, _, parents) in found.items()
    }
    return Catalog(tables, references, types, large_objects)


def _has_large_objects(cursor: Cursor) -> bool:
    """Return whether there are large objects that the load itself did not make."""
    cursor.execute("SELECT to_regclass('reingest.load_object') IS NOT NULL")
    own = "(SELECT loid FROM reingest.load_object)" if cursor.fetchone()[0] else "('0')"
    cursor.execute(f"SELECT EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid NOT IN {own})")  # noqa: S608
    return bool(cursor.fetchone()[0])


def _columns(cursor: Cursor, ids: list[int]) -> dict[int, dict[str, Column]]:
    rows = _by_table(cursor, _COLUMNS, ids)
    return {oid: {row[0]: _column(*row) for row in own} for oid, own in rows.items()}


def _column(*row: Any) -> Column:  # noqa: ANN401 - of the query, in its order
    name, type_, not_null, identity, generated, default, reads = row
    return Column(name, type_, not_null, identity, generated, default, tuple(reads))


def _by_table(cursor: Cursor, query: str, ids: list[int]) -> dict[int, list[tuple[Any, ...]]]:
    cursor.execute(query, (ids,))
    rows: dict[int, list[tuple[Any, ...]]] = {}
    for oid, *row in cursor.fetchall():
        rows.setdefault(oid, []).append(tuple(row))
    return rows


def _leaves(found: Mapping[int, tuple[str | None, list[int]]]) -> dict[int, list[str]]:
    """Return the conditions of the leaves below each partitioned table."""
    leaves: dict[int, list[str]] = {}
    for bound, parents in found.values():
        above = list(parents) if bound else []
        while above:
            parent = above.pop()
            leaves.setdefault(parent, []).append(bound or "")
            above.extend(found[parent][1] if parent in found else [])
    return leaves
