"""References put back; rows without their parent are dropped where the dataset says so, else refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import psycopg2
from psycopg2 import sql

from ..dataset.model import Dataset
from ..dataset.owners import SOURCE
from ..errors import Refusal
from ..postgres.dsn import Connection, Cursor
from ..postgres.own_rows import own_rows
from .canonical import line_hash, table_columns
from .constraints import Reference
from .rows import Feed
from .script import database_reason

_SHOWN = 3
_THERE = """
SELECT EXISTS (SELECT FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
               JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = %s AND c.relname = %s AND k.conname = %s AND k.contype = 'f')
"""
_PARTITIONED = """
SELECT c.relkind = 'p' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s
"""


@dataclass(frozen=True)
class Orphan:
    """Why rows lead nowhere, and how many of one content there are."""

    columns: tuple[str, ...]
    parent: str
    times: int = 1


@dataclass
class Settled:
    """Orphans that are gone: how many by table; those to be set aside, by table and their line's hash."""

    dropped: Counter[str] = field(default_factory=Counter)
    found: dict[str, dict[int, Orphan]] = field(default_factory=dict)


def settle_orphans(
    connection: Connection, dataset: Dataset, references: Sequence[Reference], feeds: Sequence[Feed]
) -> Settled:
    """Take orphans out of the tables that declare it, until none is left, in the caller's transaction."""
    by_table = {feed.table.name: feed for feed in feeds}
    settled = Settled()
    with connection.cursor() as cursor:
        again = True
        while again:  # a row that is gone may have been the parent of another
            again = False
            for reference in references:
                table = dataset.table(reference.table)
                if table is None or table.owner != SOURCE or table.orphans == "fail":
                    continue
                statement = sql.SQL("DELETE FROM {child} c WHERE {orphan}").format(
                    **_names(cursor, reference)
                )
                if table.orphans == "drop":
                    cursor.execute(statement)
                    settled.dropped[table.name] += cursor.rowcount
                    gone = cursor.rowcount
                else:
                    gone = _set_aside(cursor, statement, reference, by_table[table.name], settled)
                again = again or gone > 0
    return settled


def _set_aside(
    cursor: Cursor, delete: sql.Composable, reference: Reference, feed: Feed, settled: Settled
) -> int:
    """Delete orphans and keep the hashes of their lines, by which they are found again in the sources."""
    found = settled.found.setdefault(reference.table, {})
    lines = _Lines(found, Orphan(reference.columns, reference.parent))
    query = sql.SQL("COPY ({delete} RETURNING {columns}) TO STDOUT")
    columns = table_columns(feed, "c")
    cursor.copy_expert(query.format(delete=delete, columns=columns).as_string(cursor), lines)
    return lines.count


class _Lines:
    """Takes the lines of COPY."""

    def __init__(self, found: dict[int, Orphan], orphan: Orphan) -> None:
        self.count = 0
        self._found = found
        self._orphan = orphan

    def write(self, line: bytes) -> int:
        self.count += 1
        key = line_hash(line)
        there = self._found.get(key)
        self._found[key] = replace(there, times=there.times + 1) if there else self._orphan
        return len(line)


def add_references(connection: Connection, references: Sequence[Reference]) -> None:
    """Put every reference back that is not there, unproven where it can be proven later: an instant each.

    Raises:
        Refusal: a reference that must be proven at once has orphans.
    """
    with connection.cursor() as cursor:
        for reference in references:
            cursor.execute(_THERE, (*reference.relation, reference.name))
            if not cursor.fetchone()[0]:
                unproven = " NOT VALID" if reference.late else ""
                _prove(connection, reference, reference.create + unproven)
            cursor.execute(reference.comment)


def prove_references(connection: Connection, references: Sequence[Reference]) -> None:
    """Prove the references that were put back unproven.

    Raises:
        Refusal: there are orphans; with table, column and values.
    """
    for reference in references:
        if reference.late:
            table, name = sql.Identifier(*reference.relation), sql.Identifier(reference.name)
            statement = sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(table, name)
            _prove(connection, reference, statement.as_string(connection))


def _prove(connection: Connection, reference: Reference, statement: str) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except psycopg2.errors.ForeignKeyViolation as error:
        raise _orphans(connection, reference, error) from error


def _orphans(connection: Connection, reference: Reference, error: psycopg2.Error) -> Refusal:
    values = sql.SQL(", ").join(
        sql.SQL("c.{}::text").format(sql.Identifier(name)) for name in reference.columns
    )
    with connection.cursor() as cursor:
        names = _names(cursor, reference)
        cursor.execute(sql.SQL("SELECT count(*) FROM {child} c WHERE {orphan}").format(**names))
        count = cursor.fetchone()[0]
        statement = sql.SQL("SELECT DISTINCT {values} FROM {child} c WHERE {orphan} ORDER BY 1 LIMIT {limit}")
        cursor.execute(statement.format(**names, values=values, limit=sql.Literal(_SHOWN)))
        shown = "; ".join(", ".join(row) for row in cursor.fetchall())
    columns = ", ".join(reference.columns)
    if not count:
        return Refusal(
            f"table {reference.table}, column {columns}: {database_reason(error)}; correct the source"
        )
    return Refusal(
        f"table {reference.table}, column {columns}: {count} rows name a row of {reference.parent} that does "
        f"not exist ({shown}); correct the source, or declare `orphans: drop`, which leaves them out"
    )


def _names(cursor: Cursor, reference: Reference) -> dict[str, sql.Composable]:
    """Return the parts of a query over the rows whose reference leads nowhere; a NULL may."""
    pairs = [
        (sql.Identifier("c", child), sql.Identifier("p", parent))
        for child, parent in zip(reference.columns, reference.parent_columns)
    ]
    orphan = sql.SQL("{given} AND NOT EXISTS (SELECT FROM {parent} p WHERE {same})").format(
        given=sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(child) for child, _ in pairs),
        parent=_own_rows(cursor, reference.parent_relation),
        same=sql.SQL(" AND ").join(sql.SQL("{} = {}").format(parent, child) for child, parent in pairs),
    )
    return {"child": _own_rows(cursor, reference.relation), "orphan": orphan}


def _own_rows(cursor: Cursor, relation: tuple[str, str]) -> sql.Composable:
    cursor.execute(_PARTITIONED, relation)
    return own_rows(*relation, partitioned=cursor.fetchone()[0])
