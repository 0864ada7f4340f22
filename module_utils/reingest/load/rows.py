"""The rows of one table, from its sources to the text that COPY reads; constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Callable, NamedTuple

from ..dataset.column_form import UnwrittenError
from ..dataset.mapping import Mapper, UnfitError, Value
from ..dataset.model import Column, Table
from ..sources.bad import Bad
from ..sources.content import bytes_taken
from ..sources.reader import read_records
from ..sources.source import Source
from .catalog import TableShape
from .copy_text import NULL, Encoder, encoders, json_encoder, unescaped
from .meter import StreamMeter
from .rejects import Reject

_BATCH = 1 << 16  # characters; what one message to the server holds, and a processor's cache
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
        table = self.table
        return Mapper(table.columns, table.each, nested=table.typed, where=table.where)

    def encoders(self) -> list[Encoder]:
        """Return one encoder for each column of the mapping."""
        columns = self.table.columns
        made = encoders([self.shape.columns[column.name].kind for column in columns], typed=self.table.typed)
        return [
            json_encoder() if column.is_rest else _reading(column, encode)
            for column, encode in zip(columns, made)
        ]


class Row(NamedTuple):
    """A row: where it came from, and its fields as COPY reads them (values would keep whole records)."""

    source: Source
    line: int
    fields: list[str]

    def value(self, at: int) -> str | None:
        """Return the text of a field."""
        return None if self.fields[at] == NULL else unescaped(self.fields[at])


def _reading(column: Column, encode: Encoder) -> Encoder:
    """Return an encoder that takes values as the column's are written, or gives the one of each row."""
    if column.is_constant:
        field = encode(column.value)
        return lambda _: field
    if column.form is None:
        return encode
    read = column.form.reader()

    def encoded_text(value: Value) -> str:
        try:
            return encode(read(value))
        except UnwrittenError as error:
            raise UnfitError(str(error)) from error

    return encoded_text


_row = partial(tuple.__new__, Row)  # half the time of Row()


@dataclass(frozen=True)
class Batch:
    """Whole rows, and their text as COPY reads it."""

    rows: list[Row]
    data: bytes


class RowReader:
    """Reads the rows of a table once. ``read`` counts all that were met, good or not.

    ``filtered`` are those of them that are not the table's, by its `where:`; both are complete at the end.
    A row that no server takes, and a record that cannot be read (it counts as one row), go to ``on_bad``.
    ``unmet`` are, in the end, the columns whose path no record had; with ``whole``, where these are all
    records of the table, that is refused. Where there is a ``meter``, each batch is counted in it.
    """

    def __init__(
        self,
        feed: Feed,
        on_bad: Callable[[Reject], None],
        meter: StreamMeter | None = None,
        *,
        whole: bool = True,
    ) -> None:
        self.read = 0
        self.unmet: frozenset[str] = frozenset()
        self.filtered = 0
        self._meter = meter
        self._counted = (0, bytes_taken())
        if meter:
            meter.reset()
        self._feed = feed
        self._on_bad = on_bad
        self._whole = whole

    def batches(self) -> Iterator[Batch]:
        """Yield the good rows.

        Raises:
            Refusal: a source cannot be read on, or is not what the dataset says; or what ``on_bad`` raises.
        """
        feed = self._feed
        mapper, encode = feed.mapper(), feed.encoders()
        rows: list[Row] = []
        texts: list[str] = []
        size = 0
        # One loop without calls of its own: it runs for every row of every table.
        for source in feed.files:
            for line, record in read_records(feed.table.reading, source):
                if isinstance(record, Bad):
                    self._reject(Reject(source, line, "", record.text, record.reason, unreadable=True))
                    continue
                try:
                    for values in mapper.rows(record):
                        try:
                            fields = [one(value) for one, value in zip(encode, values)]
                        except (UnfitError, RecursionError) as error:
                            self._reject(self._unfit(source, line, values, encode, error))
                            continue
                        text = "\t".join(fields)
                        rows.append(_row((source, line, fields)))
                        texts.append(text)
                        size += len(text)
                except (UnfitError, RecursionError) as error:
                    self._reject(Reject(source, line, "", record, _reason(error)))
                if size > _BATCH:
                    yield self._sendable(rows, texts)
                    rows, texts, size = [], [], 0
        if rows:
            yield self._sendable(rows, texts)
        self.filtered, self.unmet = mapper.filtered, mapper.unmet
        self.read += mapper.filtered
        self._count()
        if self._whole:
            mapper.check_paths(feed.table.name, ", ".join(feed.table.sources))

    def _reject(self, reject: Reject) -> None:
        self.read += 1
        self._on_bad(reject)

    def _unfit(
        self, source: Source, line: int, values: list[Value], encode: Sequence[Encoder], error: Exception
    ) -> Reject:
        """Return the row with the column that does not fit."""
        for column, one, value in zip(self._feed.table.columns, encode, values):
            if not _fits(one, value):
                return Reject(source, line, column.name, value, _reason(error))
        return Reject(source, line, "", values, _reason(error))

    def _sendable(self, rows: list[Row], texts: list[str]) -> Batch:
        """Return the batch without the rows whose characters PostgreSQL cannot hold."""
        self.read += len(rows)
        self._count()
        try:
            data = ("\n".join(texts) + "\n").encode("utf-8")
        except UnicodeEncodeError:
            data = b"\0"
        if b"\0" in data:
            rows = [row for row in rows if self._has_characters(row)]
            data = encoded(rows)
        return Batch(rows, data)

    def _count(self) -> None:
        if self._meter:
            rows, size = self._counted
            self._counted = (self.read, bytes_taken())
            self._meter.add(self.read - rows, self._counted[1] - size)

    def _has_characters(self, row: Row) -> bool:
        for at, (column, field) in enumerate(zip(self._feed.table.columns, row.fields)):
            reason = _NUL if "\0" in field else ""
            if any("\ud800" <= mark <= "\udfff" for mark in field):
                reason = _SURROGATE
            if reason:
                self._on_bad(Reject(row.source, row.line, column.name, row.value(at), reason))
                return False
        return True


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _fits(encode: Encoder, value: Value) -> bool:
    try:
        encode(value)
    except (UnfitError, RecursionError):
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
