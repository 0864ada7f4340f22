"""Which keys two tables on two servers have in common: both lists sorted, read once, and merged.

Exact, and in constant memory here; a server sorts keys that no index has in this order, on its disk where
they are many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg2 import sql

from ..postgres.dsn import Connection
from .scan import key_of

_BATCH = 10_000
_EXAMPLES = 3


@dataclass(frozen=True)
class Keys:
    """How many keys both have, and how many only one of them, with the first ones of these as examples."""

    both: int
    only_before: int
    only_now: int
    before_examples: tuple[str, ...] = ()
    now_examples: tuple[str, ...] = ()


def sorted_keys(
    connection: Connection, table: sql.Identifier, key: Sequence[sql.Composable]
) -> Iterator[str]:
    """Yield the keys of a table as texts, in the order of their bytes.

    Args:
        connection: a pinned session in which each statement commits by itself.
        table: the table.
        key: the key's columns, or expressions, of a table that is named ``c``.
    """
    text = key_of(key)
    encoding = connection.info.parameter_status("server_encoding")
    # Bytes of UTF-8 have the order of code points, which is Python's; those of others may have another.
    order = text if encoding in ("UTF8", "SQL_ASCII") else sql.SQL("convert_to({}, 'UTF8')").format(text)
    query = sql.SQL("SELECT {} FROM {} AS c ORDER BY {}").format(text, table, order)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("BEGIN"))
        try:
            cursor.execute(sql.SQL("DECLARE reingest_keys NO SCROLL CURSOR FOR {}").format(query))
            while True:
                cursor.execute(f"FETCH {_BATCH} FROM reingest_keys")
                rows = cursor.fetchall()
                for (text,) in rows:
                    yield text
                if len(rows) < _BATCH:
                    return
        finally:
            cursor.execute("ROLLBACK")


def merged_keys(before: Iterator[str], now: Iterator[str]) -> Keys:
    """Return what two sorted lists have in common."""
    both = gone = new = 0
    gone_examples: list[str] = []
    new_examples: list[str] = []
    there, here = next(before, None), next(now, None)
    while there is not None or here is not None:
        if there == here:
            both += 1
            there, here = next(before, None), next(now, None)
        elif here is None or (there is not None and there < here):
            gone += 1
            if len(gone_examples) < _EXAMPLES:
                gone_examples.append(str(there))
            there = next(before, None)
        else:
            new += 1
            if len(new_examples) < _EXAMPLES:
                new_examples.append(str(here))
            here = next(now, None)
    return Keys(both, gone, new, tuple(gone_examples), tuple(new_examples))
