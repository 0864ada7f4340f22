"""The rows of one table, from its sources to the text that COPY reads; constant memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..dataset.mapping import Mapper, UnfitError, Value
from ..dataset.model import Table
from ..errors import Refusal
from ..sources.reader import Bad, read_records
from ..sources.source import Source
from .catalog import TableShape
from .copy_text import Encoder, encoders, json_encoder

_BATCH = 1 << 18  # characters; a batch is what one message to the server holds
_SHOWN = 80


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


class RowStream:
    """What psycopg2's ``copy_expert`` reads: ``read`` gives a batch of whole rows, and nothing at the end.

    ``rows`` counts them. psycopg2 replaces an exception of ``read`` by its own, so it is kept in ``failure``.
    """

    def __init__(self, feed: Feed) -> None:
        self.rows = 0
        self.failure: Refusal | None = None
        self._place: tuple[Source, int] = (Path(), 0)
        self._batches = self._made(feed)

    def read(self, _size: int = 0) -> bytes:
        """Return the next batch.

        Raises:
            Refusal: a source is not what the dataset says; with file and line.
        """
        try:
            return next(self._batches, b"")
        except Refusal as refusal:
            self.failure = refusal
            raise

    def _made(self, feed: Feed) -> Iterator[bytes]:
        mapper, encode = feed.mapper(), feed.encoders()
        batch: list[str] = []
        size = 0
        try:
            for self._place, record in _records(feed):
                for values in mapper.rows(record):
                    text = "\t".join([one(value) for one, value in zip(encode, values)])
                    batch.append(text)
                    size += len(text)
                if size > _BATCH:
                    yield self._bytes(feed, batch)
                    batch, size = [], 0
        except UnfitError as error:
            raise _unfit(feed, self._place, encode, error) from error
        if batch:
            yield self._bytes(feed, batch)
        mapper.check_paths(feed.table.name, ", ".join(feed.table.sources))

    def _bytes(self, feed: Feed, batch: Sequence[str]) -> bytes:
        try:
            made = ("\n".join(batch) + "\n").encode("utf-8")
        except UnicodeEncodeError as error:
            bad = next(
                at for at, text in enumerate(batch) if any("\ud800" <= mark <= "\udfff" for mark in text)
            )
            place = locate(feed, self.rows + bad + 1)
            raise Refusal(
                f"{place.where}: half of a surrogate pair ({error.reason}); correct the source"
            ) from error
        self.rows += len(batch)
        return made


@dataclass(frozen=True)
class Place:
    """Where a row came from, and its values by column."""

    where: str
    values: dict[str, Value]


def locate(feed: Feed, row: int) -> Place:
    """Return the place of the row with that number, from 1, by reading the sources again."""
    found = next(islice(_placed(feed), row - 1, None), None)
    return found or Place(f"row {row} of table {feed.table.name}", {})


def shown_value(value: Value) -> str:
    """Return a value as a message shows it, cut where it is long."""
    text = value if isinstance(value, str) else repr(value)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _records(feed: Feed) -> Iterator[tuple[tuple[Source, int], dict[str, Value]]]:
    for path in feed.files:
        for line, record in read_records(feed.table, path):
            if isinstance(record, Bad):
                raise Refusal(f"{path}:{line}: {record.reason}")
            yield (path, line), record


def _placed(feed: Feed) -> Iterator[Place]:
    mapper = feed.mapper()
    names = [column.name for column in feed.table.columns]
    for (path, line), record in _records(feed):
        for values in mapper.rows(record):
            yield Place(f"{path}:{line}", dict(zip(names, values)))


def _unfit(feed: Feed, place: tuple[Source, int], encode: Sequence[Encoder], error: UnfitError) -> Refusal:
    """Return the refusal with the column, which only a second look at the record tells."""
    where = f"{place[0]}:{place[1]}"
    record = next(record for at, record in _records(feed) if at == place)
    with contextlib.suppress(UnfitError):  # the mapping itself fails: there is no column to name
        for values in feed.mapper().rows(record):
            for column, one, value in zip(feed.table.columns, encode, values):
                if not _fits(one, value):
                    what = f"table {feed.table.name}, column {column.name}"
                    return Refusal(f"{where}: {what}: {shown_value(value)} is {error}")
    return Refusal(f"{where}: table {feed.table.name}: {error}; correct the dataset or the source")


def _fits(encode: Encoder, value: Value) -> bool:
    try:
        encode(value)
    except UnfitError:
        return False
    return True
