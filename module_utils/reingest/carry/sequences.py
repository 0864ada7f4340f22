"""Sequences: portal rows go on counting where production had come to, also by one that no column owns."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..dataset.table_name import table_name
from ..load.behind_rows import read_sequences
from ..postgres.dsn import Connection
from .unit import Counter


def read_counters(connection: Connection, oids: Collection[int]) -> tuple[Counter, ...]:
    """Return the sequences of these relations, and those of nobody."""
    found = []
    with connection.cursor() as cursor:
        for there in read_sequences(cursor):
            owners = {column.oid for column in there.columns}
            if not owners or owners & set(oids):
                last, called = there.place(cursor)
                found.append(Counter(there.schema, there.name, last, called, shared=bool(owners - set(oids))))
    return tuple(found)


def move_counters(connection: Connection, live: Sequence[Counter], oids: Collection[int]) -> list[str]:
    """Set sequences to where production's are.

    One that source rows count by, too, takes the higher of both; none is left below the rows.

    Args:
        connection: the database that is to serve, its rows in place.
        live: production's sequences.
        oids: the portal-owned relations of the database that is to serve.

    Returns:
        The names of production's that this database has not.
    """
    missing = []
    with connection.cursor() as cursor:
        there = {(one.schema, one.name): one for one in read_sequences(cursor)}
        for counter in live:
            new = there.get((counter.schema, counter.name))
            if new is None:
                missing.append(table_name(counter.schema, counter.name))
                continue
            at = (counter.last, counter.called)
            if counter.shared or any(column.oid not in oids for column in new.columns):
                at = new.further(at, new.place(cursor))
            new.move(cursor, new.behind_rows(cursor, at))
    return missing
