"""What rows sum up to: a count and a sum of hashes, the same wherever they lie and in whatever order.

A row's hash is that of the texts of its named columns, in sessions whose formats are pinned. It is additive,
so rows in quarantine, which are kept as those very texts, count like rows in their table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import sql

from ..postgres.dsn import Connection, Cursor
from .unit import Relation

# Told apart from NULL by PostgreSQL's own form of an array: {a,NULL,"NULL"}.
_HASH = 'hashtextextended({texts}::text COLLATE "C", 0)'


@dataclass(frozen=True)
class RowSum:
    """Rows, and the sum of their hashes."""

    rows: int = 0
    total: int = 0

    def __add__(self, other: RowSum) -> RowSum:
        """Return what both sum up to."""
        return RowSum(self.rows + other.rows, self.total + other.total)

    def __sub__(self, other: RowSum) -> RowSum:
        """Return what is left without the other."""
        return RowSum(self.rows - other.rows, self.total - other.total)


def texts_of(columns: Sequence[str], alias: str) -> sql.Composable:
    """Return the array of a row's texts."""
    parts = [sql.SQL("{}::text").format(sql.Identifier(alias, column)) for column in columns]
    return sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(parts))


def hash_of(texts: sql.Composable) -> sql.Composable:
    """Return the hash of such an array."""
    return sql.SQL(_HASH).format(texts=texts)


def relation_sum(connection: Connection, relation: Relation, columns: Sequence[str], *, only: bool) -> RowSum:
    """Return what the rows of a relation sum up to.

    Args:
        connection: a pinned session.
        relation: the relation.
        columns: the columns that count.
        only: without inheritance children; a partitioned table is summed up with its partitions.
    """
    query = sql.SQL("SELECT count(*), coalesce(sum({hash}), 0) FROM {only} {relation} AS c").format(
        hash=hash_of(texts_of(columns, "c")),
        only=sql.SQL("ONLY" if only else ""),
        relation=sql.Identifier(*relation),
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return fetched_sum(cursor)


def fetched_sum(cursor: Cursor) -> RowSum:
    """Return the one row of a query that counts and sums up."""
    rows, total = cursor.fetchone()
    return RowSum(int(rows), int(total))
