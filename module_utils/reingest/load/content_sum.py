"""The content of rows as one number, the same for what was sent and what is there: a sum of hashes.

The hash is Python's own of bytes, SipHash of 64 bits with a key that is new for each load and the same in
all its processes: an error would have to know the key to hide. What is hashed is a row as COPY gives it back
in one ``Form``; who sums up what is sent has to bring it into that form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

from psycopg2 import sql

from ..postgres.dsn import Connection
from .rows import Feed

_MASK = (1 << 64) - 1
_PAGES = 1 << 8  # of a table, asked for at a time: two megabytes
_MOST = 1 << 22  # bytes of rows that wait to be added up
_HEADER = 19  # bytes before the first row of the binary format: signature, flags, length of an extension
TRAILER = b"\xff\xff"  # after the last one
_LEAVES = """
SELECT n.nspname, c.relname, pg_relation_size(c.oid) / current_setting('block_size')::integer,
       pg_relation_size(nullif(c.reltoastrelid, 0)) > 0
FROM (SELECT %s::regclass AS oid) AS t, LATERAL (
    SELECT t.oid UNION SELECT relid FROM pg_partition_tree(t.oid) WHERE isleaf
) AS leaf JOIN pg_class c ON c.oid = leaf.oid JOIN pg_namespace n ON n.oid = c.relnamespace
"""


@dataclass(frozen=True)
class Form:
    """How COPY gives rows back: the columns as a query selects them, and the options.

    ``told`` by the first rows that were sent: later ones may be otherwise.
    """

    columns: sql.Composable
    options: sql.Composable
    binary: bool = False
    told: bool = False


@dataclass
class ContentSum:
    """An order-independent sum of one hash per row."""

    rows: int = 0
    total: int = 0

    def add(self, rows: Sequence[bytes]) -> None:
        """Add rows, each as COPY writes it, with its line end."""
        self.rows += len(rows)
        self.total = (self.total + sum(map(hash, rows))) & _MASK

    def __add__(self, other: ContentSum) -> ContentSum:
        """Return the sum of the rows of both."""
        return ContentSum(self.rows + other.rows, (self.total + other.total) & _MASK)


def table_sum(connection: Connection, feed: Feed, form: Form, part: int = 0, parts: int = 1) -> ContentSum:
    """Return the sum of the rows in the table, or in one of so many parts of it (numbered from 0)."""
    query = sql.SQL(
        "COPY (SELECT {columns} FROM ONLY {table} WHERE ctid >= {low} AND ctid < {high})"
        " TO STDOUT WITH ({options})"
    )
    found = ContentSum()
    with connection.cursor() as cursor:
        cursor.execute(_LEAVES, (feed.shape.identifier.as_string(connection),))
        for schema, relation, pages, large in cursor.fetchall():
            for first in range(part * _PAGES, pages, parts * _PAGES):
                names = {
                    "columns": form.columns,
                    "options": form.options,
                    "table": sql.Identifier(schema, relation),
                    "low": sql.Literal(f"({first},0)"),
                    "high": sql.Literal(f"({first + _PAGES},0)"),
                }
                taken = _Large(found, binary=form.binary) if large else _Rows(found, binary=form.binary)
                cursor.copy_expert(query.format(**names), taken)
                taken.end()
    return found


class _Rows:
    """Takes the rows of COPY, one a call; ``write`` is the list's own, as it is called for every row."""

    def __init__(self, found: ContentSum, *, binary: bool) -> None:
        self._found = found
        self._binary = binary
        self._rows: list[bytes] = []
        self.write: Callable[[bytes], None] = self._rows.append

    def end(self) -> None:
        """Add up what is there."""
        if self._binary:
            self._rows[0] = self._rows[0][_HEADER:]  # it comes with the first row
            if self._rows.pop() != TRAILER:
                raise ValueError("the binary data of COPY have no end")
        self._found.add(self._rows)


class _Large(_Rows):
    """The same for rows whose values lie apart: two megabytes of pages may hold gigabytes."""

    def __init__(self, found: ContentSum, *, binary: bool) -> None:
        super().__init__(found, binary=binary)
        self._size = 0
        self.write = self._write

    def _write(self, row: bytes) -> None:
        self._rows.append(row)
        self._size += len(row)
        if self._size > _MOST:
            first = 1 if self._binary else 0  # the header and the trailer are for ``end``
            self._found.add(self._rows[first:-1])
            self._rows[first:-1] = []
            self._size = 0
