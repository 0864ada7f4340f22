"""What rows sum up to: a count and a sum of hashes, the same wherever they lie and in whatever order.

A row's hash is that of the texts of its named columns, in sessions whose formats are pinned
(``postgres.session``). It is additive, so rows in quarantine, which are kept as those very texts, count like
rows in their table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import sql

from ..postgres.dsn import Connection, Cursor

# An array tells NULL from an empty text, and one column's end from the next one's beginning. Its own hash
# takes two thirds of the time of its text's, but is linear in those of its elements: in a sum over rows,
# values that changed places would cancel each other out. So it is hashed once more.
_HASH = 'hashtextextended(hash_array_extended({texts} COLLATE "C", 0)::text COLLATE "C", 0)'


@dataclass(frozen=True)
class Content:
    """How many rows there are, and the sum of their hashes."""

    rows: int = 0
    checksum: int = 0

    def __add__(self, other: Content) -> Content:
        """Return what both are together."""
        return Content(self.rows + other.rows, self.checksum + other.checksum)


def texts_of(columns: Sequence[str], alias: str) -> sql.Composable:
    """Return the array of a row's texts."""
    parts = [sql.SQL("{}::text").format(sql.Identifier(alias, column)) for column in columns]
    return sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(parts))


def hash_of(texts: sql.Composable) -> sql.Composable:
    """Return the hash of such an array."""
    return sql.SQL(_HASH).format(texts=texts)


def read_content(
    connection: Connection, table: sql.Identifier, columns: Sequence[str], *, only: bool = False
) -> Content:
    """Return the content of a table, with its partitions and children, over these columns in this order.

    Args:
        connection: a session that is pinned, else values are written in other forms.
        table: the table.
        columns: their names; another order is another number.
        only: without its inheritance children.
    """
    query = sql.SQL("SELECT count(*), coalesce(sum({hash}), 0) FROM {only} {table} AS c").format(
        hash=hash_of(texts_of(columns, "c")), only=sql.SQL("ONLY" if only else ""), table=table
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return fetched(cursor)


def fetched(cursor: Cursor) -> Content:
    """Return the one row of a query that counts and sums up."""
    rows, checksum = cursor.fetchone()
    return Content(int(rows), int(checksum))
