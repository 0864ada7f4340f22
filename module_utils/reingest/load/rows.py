"""The rows of one table, from its sources to the text that COPY reads; constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Callable, NamedTuple

from ..dataset.mapping import Mapper, UnfitError, Value
from ..dataset.model import Table
from ..sources.reader import Bad, read_records
from ..sources.source import Source
from .catalog import TableShape
from .copy_text import Encoder, encoders, json_encoder
from .rejects import Reject

_BATCH = 1 << 18  # characters; a batch is what one message to the server holds
_SURROGATE = "half of a surrogate pair, which is no character"
_NUL = "a NUL character, which no text of PostgreSQL may hold"


@dataclass(frozen=True)
class Feed:
    """A table, its shape in the schema, and the files that fill it."""

    table: Table
    shape: TableShape
    files: tuple[Source, ...]

    def mapper(self) -> Mapper:
        """Return a fresh mapper; it remembers what it has met."""
        return Mapper(self.table.columns, self.table.each, nested=self.table.typed)

    def encoders(self) -> list[Encoder]:
        """Return one encoder for each column of the mapping."""
        columns = self.table.columns
        made = encoders([self.shape.columns[column.name].kind for column in columns], typed=self.table.typed)
        return [json_encoder() if column.is_rest else encode for column, encode in zip(columns, made)]


class Row(NamedTuple):
    """A row: where it came from, its values, and its fields as COPY reads them."""

    source: Source
    line: int
    values: list[Value]
    fields: list[str]


@dataclass(frozen=True)
class Batch:
    """Whole rows, and their text as COPY reads it."""

    rows: list[Row]
    data: bytes


class RowReader:
    """Reads the rows of a table once. ``read`` counts all that were met, good or not.

    A row that no server takes, and a record that cannot be read (it counts as one row), go to ``on_bad``.
    """

    def __init__(self, feed: Feed, on_bad: Callable[[Reject], None]) -> None:
        self.read = 0
        self._feed = feed
        self._on_bad = on_bad

    def batches(self) -> Iterator[Batch]:
        """Yield the good rows.

        Raises:
            Refusal: a source cannot be read on, or is not what the dataset says; or what ``on_bad`` raises.
        """
        rows: list[Row] = []
        size = 0
        for row in self._rows():
            rows.append(row)
            size += sum(map(len, row.fields))
            if size > _BATCH:
                yield self._sendable(rows)
                rows, size = [], 0
        if rows:
            yield self._sendable(rows)

    def _rows(self) -> Iterator[Row]:
        feed = self._feed
        mapper, encode = feed.mapper(), feed.encoders()
        for source in feed.files:
            for line, record in read_records(feed.table, source):
                if isinstance(record, Bad):
                    self.read += 1
                    self._on_bad(Reject(source, line, "", record.text, record.reason, unreadable=True))
                    continue
                try:
                    for values in mapper.rows(record):
                        self.read += 1
                        try:
                            fields = [one(value) for one, value in zip(encode, values)]
                        except UnfitError as error:
                            self._on_bad(self._unfit(source, line, values, encode, error))
                            continue
                        yield Row(source, line, values, fields)
                except UnfitError as error:
                    self.read += 1
                    self._on_bad(Reject(source, line, "", record, str(error)))
        mapper.check_paths(feed.table.name, ", ".join(feed.table.sources))

    def _unfit(
        self, source: Source, line: int, values: list[Value], encode: Sequence[Encoder], error: UnfitError
    ) -> Reject:
        """Return the row with the column that does not fit."""
        for column, one, value in zip(self._feed.table.columns, encode, values):
            if not _fits(one, value):
                return Reject(source, line, column.name, value, str(error))
        return Reject(source, line, "", values, str(error))

    def _sendable(self, rows: list[Row]) -> Batch:
        """Return the batch without the rows whose characters PostgreSQL cannot hold."""
        try:
            data = encoded(rows)
        except UnicodeEncodeError:
            data = b"\0"
        if b"\0" in data:
            rows = [row for row in rows if self._has_characters(row)]
            data = encoded(rows)
        return Batch(rows, data)

    def _has_characters(self, row: Row) -> bool:
        for column, field, value in zip(self._feed.table.columns, row.fields, row.values):
            reason = _NUL if "\0" in field else ""
            if any("\ud800" <= mark <= "\udfff" for mark in field):
                reason = _SURROGATE
            if reason:
                self._on_bad(Reject(row.source, row.line, column.name, value, reason))
                return False
        return True


def _fits(encode: Encoder, value: Value) -> bool:
    try:
        encode(value)
    except UnfitError:
        return False
    return True


def encoded(rows: Sequence[Row]) -> bytes:
    """Return rows as COPY reads them."""
    return "".join(["\t".join(row.fields) + "\n" for row in rows]).encode("utf-8")


def locate(feed: Feed, number: int) -> Row | None:
    """Return the row sent with that number, from 1, by reading the sources again."""
    reader = RowReader(feed, lambda _: None)
    rows = (row for batch in reader.batches() for row in batch.rows)
    return next(islice(rows, number - 1, None), None)
