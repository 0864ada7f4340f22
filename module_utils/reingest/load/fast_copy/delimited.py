"""CSV and TSV as they are: COPY reads the same records out of them as ``sources.delimited`` does."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import closing

from psycopg2 import sql

from ...sources.blocks import IrregularError, can_be_cut, read_record_blocks, whole_records
from ...sources.ranges import share_files
from ...sources.reader import read_fields
from ...sources.source import Source
from ..canonical import ContentSum
from ..rows import Feed
from .fields import fields_by_column
from .model import Sent, single_paths
from .sums import SentSum

_NO_QUOTE = "\x01"  # COPY needs one; where the dialect has none, nothing may look like it


class DelimitedCopy:
    """The bytes of the files, whole records at a time."""

    filtered = 0
    unmet: frozenset[str] = frozenset()  # a field that is missing was refused before

    def __init__(self, feed: Feed, columns: tuple[str, ...], dsn: str, *, quoted_null: bool) -> None:
        """``columns`` are those of the files' fields, in their order; ``dsn`` is for sums, or empty.

        ``quoted_null`` allows the text for NULL in quotes, which costs the server a comparison a field.
        """
        self.columns = columns
        self._quoted_null = quoted_null
        self._feed = feed
        self._reading = feed.table.reading
        self._sums = SentSum(feed, dsn)
        self._order = [columns.index(column.name) for column in feed.table.columns]

    @property
    def content(self) -> ContentSum | None:
        """The sum of the rows sent so far."""
        return self._sums.content

    @property
    def options(self) -> sql.Composable:
        """CSV with the dialect."""
        dialect = self._reading.dialect
        quote = sql.Literal(dialect.quote or _NO_QUOTE)
        force = ", FORCE_NULL ({columns})" if self._quoted_null else ""
        form = "FORMAT csv, DELIMITER {delimiter}, QUOTE {quote}, ESCAPE {quote}, NULL {null}"
        return sql.SQL(form + force).format(
            delimiter=sql.Literal(dialect.delimiter),
            quote=quote,
            null=sql.Literal(dialect.null),
            columns=sql.SQL(", ").join(map(sql.Identifier, self.columns)),
        )

    def sent(self, files: Sequence[Source]) -> Iterator[Sent]:
        """Yield the files' records, proven regular and counted."""
        with closing(self._sums):
            for sent in self._records(files):
                self._sum(sent.data)
                yield sent

    def shares(self, streams: int) -> list[tuple[Source, ...]] | None:
        """Return ranges of files that are neither packed nor in another encoding than the server's."""
        if codecs.lookup(self._reading.encoding).name != "utf-8":
            return None
        return share_files(self._feed.files, self._reading.dialect.quote, streams)

    def handed(self) -> Iterator[Sent]:
        """Yield the records as they are sent."""
        return self._records(self._feed.files)

    def received(self, pipe: Source) -> Iterator[Sent]:
        """Yield what was handed over as it is; it was counted there."""
        with closing(self._sums):
            for data in whole_records(pipe, self._reading.dialect.quote):
                self._sum(data)
                yield Sent(data, 0)

    def _records(self, files: Sequence[Source]) -> Iterator[Sent]:
        unquoted = not self._reading.dialect.quote
        for file in files:
            for block in read_record_blocks(file, self._reading, quoted_null=self._quoted_null):
                if unquoted and _NO_QUOTE.encode() in block.data:
                    raise IrregularError
                yield Sent(block.data, block.records)

    def _sum(self, data: bytes) -> None:
        if self._sums.content is not None:
            dialect = self._reading.dialect
            columns = fields_by_column(
                data, len(self.columns), dialect.delimiter, dialect.quote, dialect.null
            )
            self._sums.add([columns[at] for at in self._order])


def copy_delimited(feed: Feed, dsn: str, *, quoted_null: bool = False) -> DelimitedCopy | None:
    """Return the way for a table whose columns are just the fields of its files; else None."""
    dialect, paths = feed.table.reading.dialect, single_paths(feed)
    if paths is None or len(paths) < 2:  # an empty line of one field would be a row
        return None
    if not can_be_cut(dialect):
        return None
    if set(dialect.null) & {dialect.delimiter, dialect.quote or _NO_QUOTE, "\r", "\n"}:
        return None
    headers = {read_fields(feed.table.reading, file) for file in feed.files}
    fields = headers.pop()
    if headers or fields is None or set(fields) != set(paths.values()):
        return None
    by_path = {path: column for column, path in paths.items()}
    return DelimitedCopy(feed, tuple(by_path[field] for field in fields), dsn, quoted_null=quoted_null)
