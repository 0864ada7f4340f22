"""References, keys and indexes: set aside while rows are copied, and put back as the catalog had them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import psycopg2

from ..dataset.table_name import table_name
from ..errors import Refusal
from ..postgres.dsn import Connection, Cursor, connect
from .script import blames_row, database_reason

# Keys and indexes stay where they are when something else leans on them (a replica identity, a clustering, an
# extension that they depend on), or their definition does not say all (a tablespace; a key's own settings).
_FREE = """NOT (i.indisreplident OR i.indisclustered) AND x.reltablespace = 0
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = x.oid
                  AND d.deptype = 'x')"""
# What an index has beside its definition, as statements that follow it.
_BESIDE = """concat_ws('; ', {comment},
       format('COMMENT ON INDEX %I.%I IS %L', n.nspname, x.relname, obj_description(x.oid, 'pg_class')),
       (SELECT string_agg(format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s',
                                 n.nspname, x.relname, s.attnum, s.attstattarget), '; ' ORDER BY s.attnum)
        FROM pg_attribute s WHERE s.attrelid = x.oid AND s.attstattarget >= 0))"""
_COMMENT = """format('COMMENT ON CONSTRAINT %I ON %I.%I IS %L', k.conname, n.nspname, c.relname,
              obj_description(k.oid, 'pg_constraint'))"""
_FIRST_OWN = 16384  # catalogs have keys, too
# A key of which the index can be built alone, while others read the table and build theirs.
_BY_INDEX = "k.contype IN ('p', 'u') AND m.amname = 'btree'"
_REFERENCES = """
SELECT n.nspname, c.relname, k.conname,
       format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname),
       format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname,
              pg_get_constraintdef(k.oid)),
       format('COMMENT ON CONSTRAINT %I ON %I.%I IS %L', k.conname, n.nspname, c.relname,
              obj_description(k.oid, 'pg_constraint')),
       k.convalidated, c.relkind = 'p', pn.nspname, p.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, at)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.at),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(attnum, at)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.at)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
ORDER BY 1, 2, 3
"""
_KEYS = f"""
SELECT n.nspname, c.relname,
       format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname),
       format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname,
              pg_get_constraintdef(k.oid)),
       {_BESIDE.format(comment=_COMMENT)}, k.contype = 'p',
       CASE WHEN {_BY_INDEX} THEN pg_get_indexdef(i.indexrelid) ELSE '' END,
       CASE WHEN {_BY_INDEX} THEN
           format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s USING INDEX %I%s%s',
                  n.nspname, c.relname, k.conname,
                  CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END,
                  x.relname, CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END,
                  CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END) ELSE '' END,
       format('DROP INDEX IF EXISTS %I.%I', n.nspname, x.relname)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index i ON i.indexrelid = k.conindid
JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
WHERE k.contype IN ('p', 'u', 'x') AND c.relkind = 'r' AND NOT c.relispartition AND {_FREE}
  AND (x.reloptions IS NULL OR {_BY_INDEX})
  AND k.oid >= {_FIRST_OWN}
ORDER BY k.contype <> 'p', k.conname
"""  # noqa: S608 - constants of this file
_INDEXES = f"""
SELECT n.nspname, c.relname,
       format('DROP INDEX %I.%I', n.nspname, x.relname),
       pg_get_indexdef(i.indexrelid),
       {_BESIDE.format(comment="NULL")},
       false, '', '', ''
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND NOT c.relispartition AND i.indisvalid AND {_FREE}
  AND NOT EXISTS (SELECT FROM pg_constraint k
                  WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY x.relname
"""  # noqa: S608 - constants of this file


@dataclass(frozen=True)
class Piece:
    """A key or an index of a table, as statements; ``primary`` for the primary key.

    ``comment`` is what follows ``create``: comments, and what else a definition leaves out.

    Where a key's index can be built alone, ``index`` builds it, ``attach`` makes it the key, and
    ``drop_index`` drops one that is no key yet.
    """

    table: str
    drop: str
    create: str
    comment: str
    primary: bool = False
    index: str = ""
    attach: str = ""
    drop_index: str = ""

    @property
    def is_key(self) -> bool:
        """Return whether it forbids rows: a constraint, or a unique index."""
        return not self.create.startswith("CREATE INDEX")

    @property
    def is_constraint(self) -> bool:
        """Return whether it is a key by a constraint, which locks the table while it is made."""
        return not self.create.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX"))


class KeyRefused(Refusal):
    """The rows do not allow a key."""


class IndexRefused(Refusal):
    """A row does not fit into an index: a value is too long for it, or its expression fails."""


@dataclass(frozen=True)
class Reference:
    """A foreign key; ``late`` when it can be put back unproven first and proven afterwards."""

    table: str
    name: str
    drop: str
    create: str
    comment: str
    late: bool
    parent: str
    relation: tuple[str, str]
    parent_relation: tuple[str, str]
    columns: tuple[str, ...]
    parent_columns: tuple[str, ...]

    @property
    def named(self) -> tuple[str, str, str]:
        """Return schema, relation and name, which no other has."""
        return (*self.relation, self.name)


@dataclass(frozen=True)
class SetAside:
    """What was taken off, to be put back."""

    references: tuple[Reference, ...]
    pieces: tuple[Piece, ...]

    def of(self, table: str) -> tuple[Piece, ...]:
        """Return the keys and indexes of one table, keys first."""
        return tuple(piece for piece in self.pieces if piece.table == table)


def set_aside(connection: Connection, tables: Collection[str]) -> SetAside:
    """Take the references from and to these tables, and their keys and indexes, off; the caller commits.

    What something else in the schema depends on (a view that groups by a key) stays.
    """
    with connection.cursor() as cursor:
        references = [each for each in _references(cursor) if each.table in tables or each.parent in tables]
        pieces = [
            piece for query in (_KEYS, _INDEXES) for piece in _pieces(cursor, query) if piece.table in tables
        ]
        for reference in references:
            cursor.execute(reference.drop)
        taken = tuple(piece for piece in pieces if _dropped(cursor, piece.drop))
    return SetAside(tuple(references), taken)


def put_back(connection: Connection, pieces: Sequence[Piece]) -> None:
    """Build keys and indexes, each in its own transaction.

    Raises:
        Refusal: the rows do not allow one.
    """
    with connection.cursor() as cursor:
        for piece in pieces:
            execute(cursor, piece.create, f"table {piece.table}")
            cursor.execute(piece.comment)


def put_back_together(dsn: str, pieces: Sequence[Piece], connections: int) -> None:
    """Build indexes, those of keys too, over so many connections; what locks its table comes before them.

    Raises:
        KeyRefused: the rows do not allow a key.
        IndexRefused: a row does not fit into an index.
        Refusal: PostgreSQL refuses one for another reason.
    """
    alone = [piece for piece in pieces if piece.is_constraint and not piece.index]
    together = [piece for piece in pieces if piece not in alone]
    with closing(connect(dsn, autocommit=True)) as connection:
        put_back(connection, alone)
        with ThreadPoolExecutor(max(1, min(connections, len(together)))) as pool:
            for _ in pool.map(partial(_build, dsn), together):
                pass
        with connection.cursor() as cursor:
            for piece in together:
                if piece.attach:
                    execute(cursor, piece.attach, f"table {piece.table}")
                cursor.execute(piece.comment)


def _build(dsn: str, piece: Piece) -> None:
    with closing(connect(dsn, autocommit=True)) as connection, connection.cursor() as cursor:
        execute(cursor, piece.index or piece.create, f"table {piece.table}")


def take_off(cursor: Cursor, pieces: Sequence[Piece] | Sequence[Reference]) -> None:
    """Drop those keys, indexes or references that were put back already, in the caller's transaction."""
    for piece in pieces:
        cursor.execute("SAVEPOINT piece")
        try:
            cursor.execute(piece.drop)
        except (psycopg2.errors.UndefinedObject, psycopg2.errors.UndefinedTable):
            cursor.execute("ROLLBACK TO SAVEPOINT piece")
        cursor.execute("RELEASE SAVEPOINT piece")
        if isinstance(piece, Piece) and piece.drop_index:
            cursor.execute(piece.drop_index)


def take_off_alone(connection: Connection, pieces: Sequence[Piece]) -> None:
    """Drop those keys and indexes that were put back already, in a transaction of its own."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        take_off(cursor, pieces)
        cursor.execute("COMMIT")


def execute(cursor: Cursor, statement: str, what: str) -> None:
    """Run one statement.

    Raises:
        KeyRefused: the rows break a key.
        IndexRefused: a row does not fit into an index.
        Refusal: PostgreSQL refuses it for another reason.
    """
    try:
        cursor.execute(statement)
    except psycopg2.IntegrityError as error:
        raise KeyRefused(f"{what}: {database_reason(error)}; correct the source") from error
    except psycopg2.Error as error:
        if blames_row(error):
            raise IndexRefused(f"{what}: {database_reason(error)}; statement: {statement}") from error
        raise Refusal(f"{what}: {database_reason(error)}; statement: {statement}") from error


def _references(cursor: Cursor) -> list[Reference]:
    cursor.execute(_REFERENCES)
    return [
        Reference(
            table=table_name(schema, relation),
            name=name,
            drop=drop,
            create=create,
            comment=comment,
            late=validated and not partitioned,
            parent=table_name(parent_schema, parent),
            relation=(schema, relation),
            parent_relation=(parent_schema, parent),
            columns=tuple(columns),
            parent_columns=tuple(parent_columns),
        )
        for (
            schema, relation, name, drop, create, comment, validated, partitioned,
            parent_schema, parent, columns, parent_columns,
        ) in cursor.fetchall()
    ]  # fmt: skip


def _pieces(cursor: Cursor, query: str) -> list[Piece]:
    cursor.execute(query)
    return [
        Piece(table_name(schema, relation), *statements)
        for schema, relation, *statements in cursor.fetchall()
    ]


def _dropped(cursor: Cursor, statement: str) -> bool:
    cursor.execute("SAVEPOINT piece")
    try:
        cursor.execute(statement)
    except psycopg2.errors.DependentObjectsStillExist:
        cursor.execute("ROLLBACK TO SAVEPOINT piece")
        return False
    cursor.execute("RELEASE SAVEPOINT piece")
    return True
