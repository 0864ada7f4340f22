"""One COPY of all rows of a table: the way while rows are good."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg2
from psycopg2 import sql

from ..dataset.mapping import Value
from ..errors import Refusal
from ..postgres.dsn import Connection, Cursor
from .canonical import Canonical, UncastableError
from .content_sum import ContentSum
from .meter import StreamMeter
from .rejects import Reject, RejectLog
from .rows import Feed, Row, RowReader, locate
from .script import blames_row, database_reason

_OF_SIZE = "54"  # rows are put into pages together: the server names the line that it has come to
_CONTEXT = re.compile(r"^COPY .*?, line (\d+)(?:, column ([^:]+))?", re.MULTILINE)


class BadRowsError(Exception):
    """The server does not take all rows of a table as they are; the cause is its error, where it gave one."""


class UnplacedRowsError(BadRowsError):
    """The same, and the server does not tell which row it is: it has to be looked for."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal  # for the case that no single row is to blame


class RowStream:
    """What psycopg2's ``copy_expert`` reads: ``read`` gives a batch of whole rows, and nothing at the end.

    psycopg2 replaces an exception of ``read`` by its own, so it is kept in ``failure``.
    """

    def __init__(self, reader: RowReader, canonical: Canonical | None, *, gives_up: bool) -> None:
        """``gives_up`` at the first value that is not of its type; else only the content is not summed on."""
        self.content: ContentSum | None = ContentSum() if canonical else None
        self.failure: Exception | None = None
        self._canonical = canonical
        self._gives_up = gives_up
        self._batches = self._made(reader)

    def read(self, _size: int = 0) -> bytes:
        """Return the next batch."""
        try:
            return next(self._batches, b"")
        except (Refusal, UncastableError) as failure:
            self.failure = failure
            raise

    def _made(self, reader: RowReader) -> Iterator[bytes]:
        for batch in reader.batches():
            if self._canonical and self.content is not None:
                try:
                    self.content.add(self._canonical.lines(batch))
                except UncastableError:
                    if self._gives_up:
                        raise
                    self.content = None
            if batch.data:
                yield batch.data


def copy_statement(
    connection: Connection,
    feed: Feed,
    columns: Sequence[str],
    options: sql.Composable,
    *,
    freeze: bool = False,
) -> str:
    """Return the statement that takes a table's rows, as these columns and in this form."""
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN WITH ({options}{freeze})").format(
        table=feed.shape.identifier,
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        options=options,
        freeze=sql.SQL(", FREEZE" if freeze else ""),
    )
    return str(statement.as_string(connection))


def row_statement(connection: Connection, feed: Feed, *, freeze: bool = False) -> str:
    """Return the statement that takes rows as ``rows`` makes them."""
    columns = [column.name for column in feed.table.columns]
    return copy_statement(connection, feed, columns, sql.SQL("FORMAT text"), freeze=freeze)


def copy_all(
    connection: Connection, feed: Feed, log: RejectLog, canonical: Canonical | None, meter: StreamMeter
) -> tuple[int, int, ContentSum | None]:
    """Copy all rows, in the caller's transaction, which has emptied the table.

    Returns:
        the rows that were read, those of them that were filtered, and the sum of those sent where
        ``canonical`` is given; that is None, too, where the server casts a value in the table that it does
        not cast apart from it.

    Raises:
        BadRowsError: the server refuses rows of a table that sets them aside, or does not tell which row it
            refuses; the transaction is over.
        Refusal: it refuses a row of another table, or a source is not as declared.
        psycopg2.Error: the server fails.
    """
    reader = RowReader(feed, log.add, meter)
    log.follow(lambda: reader.read)
    stream = RowStream(reader, canonical, gives_up=feed.table.quarantines)
    # A table emptied in the same transaction can take its rows frozen: nothing has to visit them again.
    statement = row_statement(connection, feed, freeze=not feed.shape.partitioned)
    with connection.cursor() as cursor:
        try:
            cursor.copy_expert(statement, stream, 1 << 18)
        except psycopg2.Error as error:
            if isinstance(stream.failure, UncastableError):
                raise BadRowsError from error
            if stream.failure is not None:
                raise stream.failure from None
            if not blames_row(error):
                raise
            if feed.table.quarantines:
                raise BadRowsError from error
            refusal, placed = _refused(feed, error)
            raise (refusal if placed else UnplacedRowsError(refusal)) from error
    return reader.read, reader.filtered, stream.content


def copy_rows(cursor: Cursor, statement: str, data: bytes) -> None:
    """Copy a few rows."""
    cursor.copy_expert(statement, _Once(data))


def place_in_copy(error: psycopg2.Error) -> tuple[int, str] | None:
    """Return the number of the row that the error blames, from 1, and its column where the error names it."""
    found = _CONTEXT.findall(error.diag.context or "")
    if not found or (error.pgcode or "").startswith(_OF_SIZE):
        return None
    line, column = found[-1]  # the outermost: a trigger may copy, too
    return int(line), column


def blamed(feed: Feed, row: Row, column: str, error: psycopg2.Error) -> Reject:
    """Return the row that the server refuses, with its column, value and reason."""
    diagnostics: Any = error.diag
    names: Sequence[str] = [column] if column else [diagnostics.column_name or ""]
    if diagnostics.constraint_name:
        names = feed.shape.checks.get(diagnostics.constraint_name, ())
    values = {each.name: row.value(at) for at, each in enumerate(feed.table.columns)}
    there = [name for name in names if name in values]
    reason = diagnostics.message_primary or database_reason(error)
    if not there:  # a key, a trigger: the whole row is to blame
        detail = f"; {diagnostics.message_detail}" if diagnostics.message_detail else ""
        return Reject(row.source, row.line, "", values, reason + detail)
    value: Value = values[there[0]] if len(there) == 1 else [values[name] for name in there]
    return Reject(row.source, row.line, ", ".join(there), value, reason)


def _refused(feed: Feed, error: psycopg2.Error) -> tuple[Refusal, bool]:
    """Return the refusal with the row's place in the sources, read again for it; and whether there is one."""
    place = place_in_copy(error)
    row = locate(feed, place[0]) if place else None
    if place is None or row is None:
        return Refusal(f"table {feed.table.name}: {database_reason(error)}"), False
    return blamed(feed, row, place[1], error).refusal(feed.table.name), True


class _Once:
    """A text to be read once, in blocks."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, size: int) -> bytes:
        block, self._data = bytes(self._data[:size]), self._data[size:]
        return block
