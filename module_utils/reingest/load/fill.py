"""Fill one table: copy its rows, prove them, settle its duplicates, put its keys and indexes back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from typing import Any

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..postgres.dsn import Connection, connect
from .at_once import BadRowsError, copy_all
from .canonical import Canonical, ContentSum, table_sum
from .careful import copy_carefully
from .duplicates import RepeatedKeys, drop_duplicates
from .rejects import RejectLog, RejectPolicy
from .rows import Feed, RowReader
from .script import refused
from .setaside import KeyRefused, Piece, put_back, take_off

CONTENT, COUNTS = "content", "counts"
PROOFS = (CONTENT, COUNTS)

# A load that is killed is started over, so no commit of it needs to wait for the disk; the last one does.
_SESSION = "SET synchronous_commit = off"


@dataclass(frozen=True)
class Filled:
    """What came of a table's rows; ``rejected`` are not in it, nor are ``duplicates``."""

    read: int
    duplicates: int
    rejected: int


def fill_table(
    dsn: str, feed: Feed, pieces: Sequence[Piece], policy: RejectPolicy, prove: str
) -> dict[str, Any]:
    """Load one table of the staging database.

    Args:
        dsn: the database.
        feed: the table and its sources.
        pieces: its keys and indexes, which are set aside.
        policy: where rejects go.
        prove: ``content``, to compare the sum of the rows sent with that of the table, or ``counts``.

    Returns:
        ``Filled``, as a mapping.

    Raises:
        Refusal: a row that PostgreSQL does not take, a source that is not as declared, keys given twice, more
            bad rows than the budget allows, or a table with another content than was sent.
    """
    with refused(f"table {feed.table.name}"), ExitStack() as stack:
        connection = stack.enter_context(closing(connect(dsn, autocommit=True)))
        with connection.cursor() as cursor:
            cursor.execute(_SESSION)
            with contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SET lc_messages = 'C'")  # the place of a bad row is in the message's context
        canonical = None
        if prove == CONTENT:
            canonical = Canonical(stack.enter_context(closing(connect(dsn, autocommit=True))), feed)
        try:
            return asdict(_at_once(connection, feed, pieces, RejectLog(policy, feed.table), canonical))
        except BadRowsError:
            pass
        return asdict(_carefully(connection, feed, pieces, RejectLog(policy, feed.table), canonical))


def count_rows(feed: Feed, policy: RejectPolicy) -> dict[str, int]:
    """Return how many rows the sources give, and how many of them no server takes; touches no server.

    Raises:
        Refusal: a source is not what the dataset says; with file and line.
    """
    log = RejectLog(policy, feed.table)
    reader = RowReader(feed, log.add)
    for _ in reader.batches():
        pass
    log.check(reader.read)
    return {"read": reader.read, "rejected": log.count}


def _at_once(
    connection: Connection, feed: Feed, pieces: Sequence[Piece], log: RejectLog, canonical: Canonical | None
) -> Filled:
    with closing(log):
        try:
            with _filling(connection, feed):
                read, content = copy_all(connection, feed, log, canonical)
                if canonical:
                    _prove(connection, feed, content)
            duplicates = drop_duplicates(connection, feed.table, feed.shape)
            put_back(connection, pieces)
        except (RepeatedKeys, KeyRefused) as refusal:
            if feed.table.quarantines:
                raise BadRowsError from refusal
            raise
        log.check(read)
        return Filled(read, duplicates, log.count)


def _carefully(
    connection: Connection, feed: Feed, pieces: Sequence[Piece], log: RejectLog, canonical: Canonical | None
) -> Filled:
    keys = [piece for piece in pieces if piece.is_key]
    with closing(log):
        with _filling(connection, feed):
            with connection.cursor() as cursor:
                take_off(cursor, pieces)
            put_back(connection, keys)
        taken = copy_carefully(connection, feed, log, canonical)
        if canonical:
            _prove(connection, feed, taken.content)
        put_back(connection, [piece for piece in pieces if not piece.is_key])
        log.check(taken.read)
        return Filled(taken.read, taken.duplicates, log.count)


@contextlib.contextmanager
def _filling(connection: Connection, feed: Feed) -> Iterator[None]:
    """Hold a transaction in which the table is empty at first."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            cursor.execute(sql.SQL("TRUNCATE {}").format(feed.shape.identifier))
            yield
            cursor.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(psycopg2.Error):
                cursor.execute("ROLLBACK")
            raise


def _prove(connection: Connection, feed: Feed, sent: ContentSum | None) -> None:
    found = table_sum(connection, feed)
    if sent == found:
        return
    rows = f"{sent.rows} rows were sent and {found.rows} are there" if sent else "a value was not cast alike"
    raise Refusal(
        f"table {feed.table.name}: its content is not what was sent ({rows}): does a trigger or a rule "
        "change rows? Take it off for the load, or load with `prove: counts`"
    )
