"""Fill one table: copy its rows, prove them, settle its duplicates, put its keys and indexes back.

There are three ways, each for what the one before it cannot do: all rows as they are, over as many streams
as there are cores for them; all rows in one COPY, each with its place; small COPYs that find every bad row.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..postgres.dsn import Connection, connect
from ..sources.blocks import IrregularError, QuotedNullError
from .canonical import Canonical, canonical_form, loaded_types
from .constraints import KeyRefused, Piece, put_back, put_back_together, take_off
from .content_sum import ContentSum, Form, table_sum
from .copy_rows import BadRowsError, copy_all
from .duplicates import RepeatedKeys, drop_duplicates
from .fast_copy.model import FastCopy, Summing
from .fast_copy.registry import fast_copy_of
from .fast_copy.streams import Copied, copy_in_one_stream, copy_in_streams
from .meter import DONE, INDEXING, LOADING, TableMeter
from .rejects import RejectLog, RejectPolicy
from .rows import Feed, RowReader
from .salvage_rows import copy_carefully
from .script import refused
from .workers import Job, run_parallel

CONTENT, COUNTS = "content", "counts"
PROOFS = (CONTENT, COUNTS)

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

    ``way`` is how they were copied: ``quick``, over so many ``streams``, ``rows`` or ``careful``.
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
    except BadRowsError:
        if filling.feed.table.quarantines:
            return _carefully(connection, filling)
        # the rows tell which one is bad, and where it stands
    try:
        return _at_once(connection, filling)
    except BadRowsError:
        return _carefully(connection, filling)


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
    feed = filling.feed
    copied, form, found = _copied_and_summed(connection, filling)
    if copied.content != found and form.told:  # later rows may be in another form than the first
        copied, _, found = _copied_and_summed(connection, filling, strict=True)
    if found is not None:
        _compare(feed, copied.content, found)
    duplicates = _finished(connection, filling)
    return Filled(copied.read, duplicates, 0, copied.filtered, "quick", filling.streams)


def _copied_and_summed(
    connection: Connection, filling: Filling, *, strict: bool = False
) -> tuple[Copied, Form, ContentSum | None]:
    """Copy the rows, and return with it how they are given back, and their sum then, where sums are made."""
    try:
        copied, form = _copied(connection, filling, strict=strict)
    except QuotedNullError:
        copied, form = _copied(connection, filling, strict=strict, quoted_null=True)
    if copied.read and copied.unmet:
        raise IrregularError
    if copied.content is None:
        return copied, form, None
    return copied, form, _sum_together(filling, form, [connection.fileno()])


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
                _compare(feed, content, table_sum(connection, feed, canonical_form(feed)))
        duplicates = _finished(connection, filling)
        log.check(read - filtered)
        return Filled(read, duplicates, log.count, filtered, "rows")


def _carefully(connection: Connection, filling: Filling) -> Filled:
    feed, log = filling.feed, RejectLog(filling.policy, filling.feed.table)
    keys = [piece for piece in filling.pieces if piece.is_key]
    with closing(log), _canonical(filling) as canonical:
        with _filling(connection, filling):
            pass
        put_back(connection, keys)
        taken = copy_carefully(connection, feed, log, canonical, filling.meter.streams[0])
        if canonical:
            _compare(feed, taken.content, table_sum(connection, feed, canonical_form(feed)))
        filling.meter.enter(INDEXING)
        put_back(connection, [piece for piece in filling.pieces if not piece.is_key])
        log.check(taken.read - taken.filtered)
        return Filled(taken.read, taken.duplicates, log.count, taken.filtered, "careful")


def _finished(connection: Connection, filling: Filling) -> int:
    """Put keys and indexes back, and return how many duplicates had to go for it.

    Raises:
        BadRowsError: the rows do not allow it, and the table sets bad ones aside.
        Refusal: the rows do not allow it.
    """
    feed, duplicates = filling.feed, 0
    filling.meter.enter(INDEXING)
    primary = [piece for piece in filling.pieces if piece.primary]
    try:
        try:
            put_back(connection, primary)
        except KeyRefused:
            duplicates = drop_duplicates(connection, feed.table, feed.shape)
            put_back(connection, primary)
        others = [piece for piece in filling.pieces if not piece.primary]
        put_back_together(filling.dsn, others, filling.streams)
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
            cursor.execute(sql.SQL("TRUNCATE {}").format(filling.feed.shape.identifier))
            yield
            cursor.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(psycopg2.Error):
                cursor.execute("ROLLBACK")
            raise


def _sum_together(filling: Filling, form: Form, closed: Sequence[int]) -> ContentSum:
    """Return the sum of a table that is committed, made by as many processes as it has streams."""
    parts = range(filling.streams)
    jobs = [Job(f"sum {part}", 0, partial(_sum_part, filling, form, part)) for part in parts]
    sums = run_parallel(jobs, filling.streams, closed=closed)
    return sum((ContentSum(*found) for found in sums.values()), ContentSum())


def _sum_part(filling: Filling, form: Form, part: int) -> list[int]:
    name = filling.feed.table.name
    with refused(f"table {name}"), closing(connect(filling.dsn, autocommit=True)) as connection:
        found = table_sum(connection, filling.feed, form, part, filling.streams)
    return [found.rows, found.total]


def _compare(feed: Feed, sent: ContentSum | None, found: ContentSum) -> None:
    if sent == found:
        return
    rows = f"{sent.rows} rows were sent and {found.rows} are there" if sent else "a value was not cast alike"
    raise Refusal(
        f"table {feed.table.name}: its content is not what was sent ({rows}): does a trigger or a rule "
        "change rows? Take it off for the load, or load with `prove: counts`"
    )
