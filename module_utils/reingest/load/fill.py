"""Fill one table: copy its rows, prove them, settle its duplicates, put its keys and indexes back.

There are three ways, each for what the one before it cannot do: all rows as they are, over as many streams
as there are cores for them; all rows in one COPY, each with its place; small COPYs that find every bad row.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from typing import Any, Callable

import psycopg2
from psycopg2 import sql

from ..postgres.dsn import Connection, connect
from ..sources.blocks import IrregularError, QuotedNullError
from .canonical import Canonical, canonical_form, loaded_types
from .constraints import (
    IndexRefused,
    KeyRefused,
    Piece,
    put_back,
    put_back_together,
    take_off,
    take_off_alone,
)
from .content_sum import Form, table_sum
from .copy_rows import BadRowsError, UnplacedRowsError, copy_all
from .duplicates import RepeatedKeys, drop_duplicates
from .fast_copy.model import FastCopy, Summing
from .fast_copy.registry import fast_copy_of
from .fast_copy.streams import Copied, copy_in_one_stream, copy_in_streams
from .meter import DONE, INDEXING, LOADING, TableMeter
from .read_back import OtherwiseError, ReadBack, compare
from .rejects import RejectLog, RejectPolicy
from .rows import Feed, RowReader
from .salvage_rows import copy_carefully
from .script import refused
from .state import active_tables

CONTENT, COUNTS = "content", "counts"

# No commit needs to wait for the disk: the one that says that the table is complete comes after all of them.
_SESSION = "SET synchronous_commit = off"


@dataclass(frozen=True)
class Filling:
    """What is filled, and how.

    Args:
        dsn: the database.
        feed: the table and its sources.
        pieces: its keys and indexes, which are set aside.
        policy: where rejects go.
        prove: ``content``, to compare the sum of the rows sent with that of the table, or ``counts``.
        streams: over how many connections rows may be copied.
        meter: where rows and bytes are counted: by each stream, and by who deals records out to them.
    """

    dsn: str
    feed: Feed
    pieces: Sequence[Piece]
    policy: RejectPolicy
    prove: str
    streams: int
    meter: TableMeter

    def summing(self, *, strict: bool) -> Summing:
        """Return how what is sent is summed up."""
        return Summing(self.dsn if self.prove == CONTENT else "", strict)


@dataclass(frozen=True)
class Filled:
    """What came of a table's rows; ``rejected`` are not in it, nor are ``duplicates`` and ``filtered``.

    ``way`` is how they were copied: ``quick``, over so many ``streams``, or ``quick, strict`` where they were
    copied a second time, to be compared value by value; ``rows`` or ``careful``.
    """

    read: int
    duplicates: int
    rejected: int
    filtered: int
    way: str
    streams: int = 1


def fill_table(filling: Filling) -> dict[str, Any]:
    """Load one table of the staging database.

    Returns:
        ``Filled``, as a mapping.

    Raises:
        Refusal: a row that PostgreSQL does not take, a source that is not as declared, keys given twice, more
            bad rows than the budget allows, or a table with another content than was sent.
    """
    feed = filling.feed
    with refused(f"table {feed.table.name}"), ExitStack() as stack:
        connection = stack.enter_context(closing(connect(filling.dsn, autocommit=True)))
        with connection.cursor() as cursor:
            cursor.execute(_SESSION)
            with contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SET lc_messages = 'C'")  # the place of a bad row is in the message's context
        filled = _filled(connection, filling)
        filling.meter.enter(DONE)
        return asdict(filled)


def _filled(connection: Connection, filling: Filling) -> Filled:
    try:
        return _fast(connection, filling)
    except IrregularError:
        pass
    except BadRowsError as refused_rows:
        if filling.feed.table.quarantines or isinstance(refused_rows, UnplacedRowsError):
            return _salvaged(connection, filling, refused_rows)
        # the rows tell which one is bad, and where it stands
    try:
        return _at_once(connection, filling)
    except BadRowsError as refused_rows:
        return _salvaged(connection, filling, refused_rows)


def _salvaged(connection: Connection, filling: Filling, cause: BadRowsError) -> Filled:
    """Copy the good rows. A table that sets none aside is refused by the first bad one, with its place.

    Raises:
        Refusal: a row is bad and nothing sets it aside, or more are than the budget allows.
    """
    with_indexes = isinstance(cause, UnplacedRowsError)
    try:
        filled = _carefully(connection, filling, with_indexes=with_indexes)
    except IndexRefused:
        if with_indexes:
            raise
        filled = _carefully(connection, filling, with_indexes=True)
    if isinstance(cause, UnplacedRowsError) and not filling.feed.table.quarantines:
        raise cause.refusal  # each row alone is good, all together are not
    return filled


def count_rows(feed: Feed, policy: RejectPolicy) -> dict[str, int]:
    """Return how many rows the sources give, how many of them no server takes, and how many are filtered.

    Touches no server.

    Raises:
        Refusal: a source is not what the dataset says; with file and line.
    """
    log = RejectLog(policy, feed.table)
    reader = RowReader(feed, log.add)
    log.follow(lambda: reader.read)
    for _ in reader.batches():
        pass
    log.check(reader.read - reader.filtered)
    return {"read": reader.read, "rejected": log.count, "filtered": reader.filtered}


def _fast(connection: Connection, filling: Filling) -> Filled:
    """Copy the rows without knowing their places.

    Raises:
        IrregularError: there is no fast copy, or none to its end.
        BadRowsError: the server refuses rows.
    """
    # What a trigger writes elsewhere is there for good: such a table is filled once, and value by value.
    strict = filling.feed.table.name in active_tables(connection)
    try:
        return _proven(connection, filling, strict=strict)
    except OtherwiseError as difference:
        if not difference.told:
            raise difference.refusal from None
        # later rows may be sent in another form than the first
    try:
        return replace(_proven(connection, filling, strict=True), way="quick, strict")
    except OtherwiseError as difference:
        raise difference.refusal from None


def _proven(connection: Connection, filling: Filling, *, strict: bool) -> Filled:
    """Copy the rows, and read them back while keys and indexes are built.

    Raises:
        OtherwiseError: the table has another content than was sent.
    """
    try:
        copied, form = _copied(connection, filling, strict=strict)
    except QuotedNullError:
        copied, form = _copied(connection, filling, strict=strict, quoted_null=True)
    if copied.read and copied.unmet:
        raise IrregularError
    reading = ReadBack(filling.dsn, filling.feed, form, copied.content, filling.streams)
    with reading.started(closed=[connection.fileno()]):
        duplicates = _finished(connection, filling, reading.prove)
        reading.prove()
    return Filled(copied.read, duplicates, 0, copied.filtered, "quick", filling.streams)


def _copied(
    connection: Connection, filling: Filling, *, strict: bool, quoted_null: bool = False
) -> tuple[Copied, Form]:
    feed, summing = filling.feed, filling.summing(strict=strict)
    fast = fast_copy_of(feed, summing, streams=filling.streams, quoted_null=quoted_null)
    if fast is None:
        raise IrregularError
    return _copied_by(connection, filling, fast), fast.form


def _copied_by(connection: Connection, filling: Filling, fast: FastCopy) -> Copied:
    feed = filling.feed
    if filling.streams > 1:
        with _filling(connection, filling):
            pass
        return copy_in_streams(filling.dsn, feed, fast, filling.meter, closed=[connection.fileno()])
    with _filling(connection, filling):
        meter, freeze = filling.meter.streams[0], not feed.shape.partitioned
        return copy_in_one_stream(connection, feed, fast, meter, freeze=freeze)


def _at_once(connection: Connection, filling: Filling) -> Filled:
    feed, log = filling.feed, RejectLog(filling.policy, filling.feed.table)
    with closing(log), _canonical(filling) as canonical:
        with _filling(connection, filling):
            read, filtered, content = copy_all(connection, feed, log, canonical, filling.meter.streams[0])
            if canonical:
                compare(feed, content, table_sum(connection, feed, canonical_form(feed)))
        duplicates = _finished(connection, filling, lambda: None)
        log.check(read - filtered)
        return Filled(read, duplicates, log.count, filtered, "rows")


def _carefully(connection: Connection, filling: Filling, *, with_indexes: bool) -> Filled:
    """Copy with the keys on; ``with_indexes`` with all indexes, too, as one of them refuses rows."""
    feed, log = filling.feed, RejectLog(filling.policy, filling.feed.table)
    on = [piece for piece in filling.pieces if piece.is_key or with_indexes]
    with closing(log), _canonical(filling) as canonical:
        with _filling(connection, filling):
            pass
        put_back(connection, on)
        taken = copy_carefully(connection, feed, log, canonical, filling.meter.streams[0])
        if canonical:
            compare(feed, taken.content, table_sum(connection, feed, canonical_form(feed)))
        filling.meter.enter(INDEXING)
        put_back(connection, [piece for piece in filling.pieces if piece not in on])
        log.check(taken.read - taken.filtered)
        return Filled(taken.read, taken.duplicates, log.count, taken.filtered, "careful")


def _finished(connection: Connection, filling: Filling, prove: Callable[[], None]) -> int:
    """Put keys and indexes back, and return how many duplicates had to go for it.

    Args:
        connection: a session.
        filling: the table.
        prove: called before a row goes.

    Raises:
        BadRowsError: the rows do not allow it, and the table sets bad ones aside, or it is not told which.
        Refusal: the rows do not allow it.
    """
    feed, pieces = filling.feed, filling.pieces
    filling.meter.enter(INDEXING)
    try:
        put_back_together(filling.dsn, pieces, filling.streams)
    except KeyRefused:
        prove()
    except IndexRefused as refusal:
        raise UnplacedRowsError(refusal) from refusal
    else:
        return 0
    try:
        take_off_alone(connection, pieces)
        duplicates = drop_duplicates(connection, feed.table, feed.shape)
        put_back_together(filling.dsn, pieces, filling.streams)
    except IndexRefused as refusal:
        raise UnplacedRowsError(refusal) from refusal
    except (RepeatedKeys, KeyRefused) as refusal:
        if feed.table.quarantines:
            raise BadRowsError from refusal
        raise
    return duplicates


@contextlib.contextmanager
def _canonical(filling: Filling) -> Iterator[Canonical | None]:
    if filling.prove != CONTENT:
        yield None
        return
    with closing(connect(filling.dsn, autocommit=True)) as connection:
        yield Canonical(connection, loaded_types(filling.feed))


@contextlib.contextmanager
def _filling(connection: Connection, filling: Filling) -> Iterator[None]:
    """Hold a transaction in which the table is empty at first, and without what was put back already."""
    filling.meter.enter(LOADING)
    for stream in filling.meter.streams:
        stream.reset()
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            take_off(cursor, filling.pieces)
            cursor.execute(sql.SQL("TRUNCATE {}").format(filling.feed.shape.own))
            yield
            cursor.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(psycopg2.Error):
                cursor.execute("ROLLBACK")
            raise
