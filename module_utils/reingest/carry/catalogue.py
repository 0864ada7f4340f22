"""What a database says of the tables whose rows are carried: who owns them, and where their rows lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..dataset.owners import PORTAL
from ..dataset.table_name import table_name
from ..ownership.types import Types, read_types
from ..postgres.dsn import Connection, Cursor
from .unit import ORPHANS, Relation, Terms

# Types whose binary form is the same on both servers: PostgreSQL's own, without an OID in them.
_BINARY = (
    "bool", "bytea", "char", "name", "int8", "int2", "int4", "text", "json", "jsonb", "float4", "float8",
    "money", "macaddr", "macaddr8", "inet", "cidr", "bpchar", "varchar", "date", "time", "timetz",
    "timestamp", "timestamptz", "interval", "bit", "varbit", "numeric", "uuid", "point", "lseg", "path",
    "box", "polygon", "line", "circle",
)  # fmt: skip
_RELATIONS = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relispartition,
       ARRAY(SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'reingest') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY n.nspname, c.relname
"""
_COLUMNS = """
WITH RECURSIVE base AS (
    SELECT t.oid, t.oid AS of FROM pg_type t
    UNION ALL
    SELECT t.typbasetype, b.of FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated <> '',
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
       EXISTS (SELECT FROM base b JOIN pg_type t ON t.oid = b.oid LEFT JOIN pg_type e ON e.oid = t.typelem
               WHERE b.of = a.atttypid AND t.typtype <> 'd'
                 AND (t.typtype = 'e'
                      OR t.typnamespace = 'pg_catalog'::regnamespace
                         AND (t.typname = ANY(%s)
                              OR t.typlen = -1 AND t.typcategory = 'A' AND e.typname = ANY(%s))))
FROM pg_attribute a
WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""


@dataclass(frozen=True)
class Column:
    """A column; ``required`` when only a row gives it a value, ``binary`` when COPY may be binary."""

    name: str
    type: str
    generated: bool
    required: bool
    binary: bool


@dataclass(frozen=True)
class Part:
    """One relation of a table: the table itself, a partition, or an inheritance child."""

    oid: int
    relation: Relation
    kind: str  # relkind
    columns: Mapping[str, Column]


@dataclass(frozen=True)
class Table:
    """A portal-owned table: itself with its inheritance children, each with its partitions that hold rows."""

    name: str
    terms: Terms
    units: Mapping[Relation, tuple[Part, ...]]  # the relation that rows are put into, and where they lie
    above: Mapping[Relation, tuple[Relation, ...]]  # what each of these inherits from, nearest first
    types: Types  # that users made in its database

    @property
    def oids(self) -> tuple[int, ...]:
        """Return the oids of all its relations."""
        return tuple(part.oid for parts in self.units.values() for part in parts)


def read_contract(connection: Connection) -> dict[str, Terms]:
    """Return the portal-owned tables by name, with their terms, as the load wrote them down.

    Empty where no load made the database.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.load_table') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return {}
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'reingest.load_table'::regclass"
            " AND attname IN ('orphans_policy', 'oids') AND NOT attisdropped"
        )
        there = {name for (name,) in cursor.fetchall()}
        said = ", ".join(name if name in there else "NULL" for name in ("orphans_policy", "oids"))
        cursor.execute(
            f"SELECT name, {said} FROM reingest.load_table WHERE owner = %s ORDER BY name",  # noqa: S608 - constants
            (PORTAL,),
        )
        return {name: Terms(orphans or ORPHANS, oids or {}) for name, orphans, oids in cursor.fetchall()}


def read_owners(connection: Connection) -> dict[str, str]:
    """Return the owner of each table by name, as the load wrote it down; empty where no load did."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.load_table') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return {}
        cursor.execute("SELECT name, owner FROM reingest.load_table ORDER BY name")
        return dict(cursor.fetchall())


def table_names(connection: Connection) -> list[str]:
    """Return the names of a database's tables, without partitions."""
    with connection.cursor() as cursor:
        cursor.execute(_RELATIONS)
        return [
            table_name(schema, name)
            for _, schema, name, _, partition, _ in cursor.fetchall()
            if not partition
        ]


def read_portal_tables(connection: Connection, contract: Mapping[str, Terms]) -> dict[str, Table]:
    """Return those tables of the contract that are there; inheritance children go with their parent.

    A child of several tables goes with the first of them: its rows are carried once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RELATIONS)
        rows = cursor.fetchall()
        found = {
            oid: ((schema, name), kind, partition, parents)
            for oid, schema, name, kind, partition, parents in rows
        }
        roots = {
            table_name(*relation): oid for oid, (relation, _, partition, _) in found.items() if not partition
        }
        children: dict[int, list[int]] = {}
        for oid, (_, _, _, parents) in found.items():
            for parent in parents:
                children.setdefault(parent, []).append(oid)
        columns = _columns(cursor, list(found))
        types = read_types(cursor)
    tables: dict[str, Table] = {}
    seen: set[int] = set()
    for name, terms in contract.items():
        if name not in roots:
            continue
        units: dict[Relation, tuple[Part, ...]] = {}
        above: dict[Relation, tuple[Relation, ...]] = {}
        todo: list[tuple[int, tuple[Relation, ...]]] = [(roots[name], ())]
        while todo:
            oid, ancestors = todo.pop(0)
            if oid in seen:
                continue
            seen.add(oid)
            relation, kind, _, _ = found[oid]
            above[relation] = ancestors
            below = _below(oid, children) if kind == "p" else []
            units[relation] = tuple(
                Part(one, found[one][0], found[one][1], columns.get(one, {})) for one in (oid, *below)
            )
            # An inheritance child that the contract names itself is a table of its own.
            todo += [
                (one, (relation, *ancestors))
                for one in children.get(oid, [])
                if kind != "p" and table_name(*found[one][0]) not in contract
            ]
        tables[name] = Table(name, terms, units, above, types)
    return tables


def _below(oid: int, children: Mapping[int, list[int]]) -> list[int]:
    found = []
    for child in children.get(oid, []):
        found += [child, *_below(child, children)]
    return found


def _columns(cursor: Cursor, oids: list[int]) -> dict[int, dict[str, Column]]:
    cursor.execute(_COLUMNS, (list(_BINARY), list(_BINARY), oids))
    columns: dict[int, dict[str, Column]] = {}
    for oid, *facts in cursor.fetchall():
        column = Column(*facts)
        columns.setdefault(oid, {})[column.name] = column
    return columns
