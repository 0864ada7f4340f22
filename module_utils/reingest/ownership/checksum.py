"""One number for the content of a table, whatever the order of its rows: a sum, so that parts add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import sql

from ..postgres.dsn import Connection


@dataclass(frozen=True)
class Content:
    """How many rows there are, and the sum of their hashes."""

    rows: int
    checksum: int


def read_content(connection: Connection, table: sql.Identifier, columns: Sequence[str]) -> Content:
    """Return the content of a table, with its partitions and children, over these columns in this order.

    Args:
        connection: a session that is pinned (``postgres.session``), else values are written in other forms.
        table: the table.
        columns: their names; another order is another number.
    """
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns)
    # An array tells NULL from an empty text, and one column's end from the next one's beginning.
    row = sql.SQL('ARRAY[{}]::text[]::text COLLATE "C"').format(texts)
    query = sql.SQL("SELECT count(*), coalesce(sum(hashtextextended({}, 0)), 0) FROM {}").format(row, table)
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows, checksum = cursor.fetchone()
    return Content(int(rows), int(checksum))
