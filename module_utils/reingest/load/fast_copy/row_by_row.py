"""Rows made one by one, but in several processes: for mappings that only Python knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from psycopg2 import sql

from ...sources.blocks import IrregularError
from ...sources.format import Code
from ...sources.reader import read_fields
from ...sources.reading import Reading
from ...sources.registry import format_called
from ...sources.source import Source
from ..canonical import canonical_form
from ..content_sum import ContentSum, Form
from ..rejects import Reject
from ..rows import Feed, RowReader
from .model import Sent, Summing
from .sums import SentSum


class RowsCopy:
    """The rows of records that were handed over; one that is not good ends this way."""

    filtered = 0
    unmet: frozenset[str] = frozenset()

    def __init__(self, feed: Feed, fields: tuple[str, ...], summing: Summing) -> None:
        """``fields`` are those of delimited files."""
        self.columns = tuple(column.name for column in feed.table.columns)
        self.options = sql.SQL("FORMAT text")
        self._feed = feed
        self._sums = SentSum(feed, summing.dsn)
        self._handed = _handed_reading(feed.table.reading, fields)

    @property
    def content(self) -> ContentSum | None:
        """The sum of the rows sent so far."""
        return self._sums.content

    @property
    def form(self) -> Form:
        """How the server gives rows back as they were summed up."""
        return canonical_form(self._feed)

    def sent(self, files: Sequence[Source]) -> Iterator[Sent]:
        """Yield the rows of files."""
        return self._rows(replace(self._feed, files=tuple(files)))

    def shares(self, streams: int) -> None:
        """Return none: records are handed over as they are found."""

    def handed(self) -> Iterator[Sent]:
        """Yield the files' records; who reads them counts them."""
        reading = self._feed.table.reading
        blocks = _code(reading).blocks
        assert blocks is not None  # noqa: S101 - for the type checker: else this way is not taken
        for file in self._feed.files:
            for block in blocks(file, reading):
                yield Sent(block, 0)

    def received(self, pipe: Source) -> Iterator[Sent]:
        """Yield the rows of records that were handed over."""
        table = replace(self._feed.table, reading=self._handed)
        return self._rows(replace(self._feed, table=table, files=(pipe,)))

    def _rows(self, feed: Feed) -> Iterator[Sent]:
        reader = RowReader(feed, _give_up, whole=False)
        with closing(self._sums):
            for batch in reader.batches():
                if self._sums.content is not None:
                    self._sums.add(list(zip(*[row.fields for row in batch.rows])))
                yield Sent(batch.data, len(batch.rows))
        self.filtered, self.unmet = reader.filtered, reader.unmet


def copy_made_rows(feed: Feed, summing: Summing) -> RowsCopy | None:
    """Return the way for texts whose records can be cut out, and that all have the same fields; else None."""
    reading = feed.table.reading
    code = _code(reading)
    if code.blocks is None or not code.has_blocks(reading):
        return None
    headers = {read_fields(reading, file) for file in feed.files}
    return RowsCopy(feed, headers.pop() or (), summing) if len(headers) == 1 else None


def _code(reading: Reading) -> Code:
    return format_called(reading.format).code()


def _handed_reading(reading: Reading, fields: tuple[str, ...]) -> Reading:
    """Return how records that were handed over are read: in UTF-8, and without their header."""
    dialect = replace(reading.dialect, names=fields, header=0, skip=0)
    return replace(reading, encoding="utf-8", dialect=dialect)


def _give_up(_: Reject) -> None:
    raise IrregularError
