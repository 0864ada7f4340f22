"""One table over several connections: records are dealt out to processes, each with a COPY of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg2

from ...postgres.dsn import Connection, connect
from ...sources.blocks import IrregularError, QuotedNullError
from ...sources.content import bytes_taken
from ...sources.source import Pipe, Source
from ..content_sum import ContentSum
from ..copy_rows import BadRowsError, copy_statement
from ..meter import StreamMeter, TableMeter
from ..rows import Feed
from ..script import blames_row, refused
from ..workers import Job, Worker, as_ended
from .model import FastCopy, Sent

_PIPE = 1 << 20  # bytes that wait in a pipe: records are found while others are copied
_SET_PIPE_SIZE = 1031  # Linux; in Python's fcntl from 3.10 on


@dataclass(frozen=True)
class Copied:
    """Rows read and filtered, what has a path that no record had, and the sum of the rows, if made."""

    read: int
    filtered: int
    unmet: frozenset[str]
    content: ContentSum | None


def copy_in_one_stream(
    connection: Connection, feed: Feed, fast: FastCopy, meter: StreamMeter, *, freeze: bool
) -> Copied:
    """Copy all rows of a table over one connection, in the caller's transaction, which has emptied the table.

    Raises:
        IrregularError: the sources have to be read row by row.
        QuotedNullError: NULL stands in quotes.
        BadRowsError: the server refuses rows.
        Refusal: a source cannot be read on.
        psycopg2.Error: the server fails.
    """
    return _copy(connection, feed, fast, _metered(fast.sent(feed.files), meter), freeze=freeze)


def copy_in_streams(
    dsn: str, feed: Feed, fast: FastCopy, meter: TableMeter, *, closed: Sequence[int]
) -> Copied:
    """Copy all rows of an empty table over several connections, each in a transaction of its own.

    Whatever goes wrong, rows may be left in the table.

    Args:
        dsn: the database.
        feed: the table and its sources.
        fast: the way.
        meter: has a counter for each stream, and one more for this process; streams may be fewer, where the
            sources have fewer parts.
        closed: descriptors that the streams' processes must not keep open.

    Raises:
        IrregularError, QuotedNullError, BadRowsError, Refusal: as ``copy_in_one_stream``.
    """
    *meters, own = meter.streams
    shares = fast.shares(len(meters))
    if shares is not None:
        calls = [partial(_stream_share, dsn, feed, fast, one, share) for one, share in zip(meters, shares)]
        return _together([_Stream(feed, number, call, closed) for number, call in enumerate(calls, 1)], 0)
    dealt: list[_Fed] = []
    try:
        for number, one in enumerate(meters, 1):
            call = partial(_stream_pipe, dsn, feed, fast, one)
            dealt.append(_Fed(feed, number, call, [*closed, *(before.writer for before in dealt)]))
        handed = _deal(_metered(fast.handed(), own), dealt)
        for fed in dealt:
            fed.end()
    except BaseException:
        for fed in dealt:
            fed.kill()
        raise
    return _together(dealt, handed)


def _metered(sent: Iterable[Sent], meter: StreamMeter) -> Iterator[Sent]:
    """Yield what is sent, and count it with the bytes that were read for it."""
    before = bytes_taken()
    for one in sent:
        now = bytes_taken()
        meter.add(one.rows, now - before)
        before = now
        yield one


def _deal(pieces: Iterator[Sent], dealt: Sequence[_Fed]) -> int:
    """Give each piece to the stream that has the least to do; return how many rows were counted."""
    handed = 0
    for piece in pieces:
        handed += piece.rows
        try:
            min(dealt, key=_Fed.waiting).give(piece.data)
        except BrokenPipeError:  # its process has ended, and tells why
            break
    return handed


class _Stream:
    """A process that copies a part of the rows."""

    def __init__(self, feed: Feed, number: int, call: Callable[[], Any], closed: Sequence[int]) -> None:
        self.worker = Worker(Job(f"table {feed.table.name}, stream {number}", 0, call), closed)

    def kill(self) -> None:
        self.worker.kill()


class _Fed(_Stream):
    """The same, with the pipe through which it gets its records."""

    def __init__(self, feed: Feed, number: int, call: Callable[[Pipe], Any], closed: Sequence[int]) -> None:
        reader, self.writer = os.pipe()
        with contextlib.suppress(OSError):  # more than an unprivileged process may have
            fcntl.fcntl(self.writer, _SET_PIPE_SIZE, _PIPE)
        super().__init__(feed, number, partial(call, Pipe(reader)), [*closed, self.writer])
        os.close(reader)
        self._open = True

    def waiting(self) -> int:
        """Return how many bytes it has not taken yet."""
        return int(struct.unpack("i", fcntl.ioctl(self.writer, termios.FIONREAD, b"\0" * 4))[0])

    def give(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self.writer, left) :]

    def end(self) -> None:
        """Tell it that this was all."""
        if self._open:
            os.close(self.writer)
            self._open = False

    def kill(self) -> None:
        self.end()
        super().kill()


def _together(streams: Sequence[_Stream], handed: int) -> Copied:
    """Wait for all streams; the first that cannot go on ends the others."""
    running = [stream.worker for stream in streams]
    results = []
    try:
        for worker in as_ended(running):
            result = worker.result()
            if isinstance(result, str):
                raise _ENDS[result]
            results.append(result)
    finally:
        for worker in running:
            worker.kill()
    if not results:
        return Copied(handed, 0, frozenset(), None)
    sums = [ContentSum(*result["content"]) for result in results if result["content"]]
    return Copied(
        handed + sum(result["read"] for result in results),
        sum(result["filtered"] for result in results),
        frozenset.intersection(*(frozenset(result["unmet"]) for result in results)),
        sum(sums, ContentSum()) if sums else None,
    )


# How a stream may end early, by what its process returns for it.
_ENDS = {each.__name__: each for each in (IrregularError, QuotedNullError, BadRowsError)}


def _stream_pipe(dsn: str, feed: Feed, fast: FastCopy, meter: StreamMeter, pipe: Pipe) -> Any:  # noqa: ANN401 - JSON
    return _streamed(dsn, feed, fast, _metered(fast.received(pipe), meter))


def _stream_share(dsn: str, feed: Feed, fast: FastCopy, meter: StreamMeter, share: tuple[Source, ...]) -> Any:  # noqa: ANN401 - JSON
    return _streamed(dsn, feed, fast, _metered(fast.sent(share), meter))


def _streamed(dsn: str, feed: Feed, fast: FastCopy, rows: Iterator[Sent]) -> Any:  # noqa: ANN401
    with refused(f"table {feed.table.name}"), closing(connect(dsn, autocommit=True)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
        try:
            copied = _copy(connection, feed, fast, rows, freeze=False)
        except tuple(_ENDS.values()) as end:
            return type(end).__name__
    content = copied.content and [copied.content.rows, copied.content.total]
    read = {"read": copied.read, "filtered": copied.filtered}
    return {**read, "unmet": sorted(copied.unmet), "content": content}


def _copy(
    connection: Connection, feed: Feed, fast: FastCopy, rows: Iterator[Sent], *, freeze: bool
) -> Copied:
    supply = _Supply(rows)
    statement = copy_statement(connection, feed, fast.columns, fast.options, freeze=freeze)
    with connection.cursor() as cursor:
        try:
            cursor.copy_expert(statement, supply)
        except psycopg2.Error as error:
            if supply.failure is not None:
                raise supply.failure from None
            if blames_row(error):
                raise BadRowsError from error
            raise
    return Copied(supply.rows + fast.filtered, fast.filtered, fast.unmet, fast.content)


class _Supply:
    """What psycopg2 reads; it replaces an exception of ``read`` by its own, which is kept in ``failure``."""

    def __init__(self, rows: Iterator[Sent]) -> None:
        self.rows = 0
        self.failure: Exception | None = None
        self._sent = rows

    def read(self, _size: int = 0) -> bytes:
        try:
            for data, rows in self._sent:
                self.rows += rows
                if data:
                    return data
        except Exception as failure:
            self.failure = failure
            raise
        return b""
