"""CSV and TSV as they are: COPY reads the same records out of them as ``sources.delimited`` does."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import replace

from psycopg2 import sql

from ...sources.blocks import IrregularError, can_be_cut, read_record_blocks, whole_records
from ...sources.delimited import seam_in
from ...sources.ranges import share_files
from ...sources.reader import read_fields
from ...sources.source import Source
from ..content_sum import ContentSum, Form
from ..rows import Feed
from .as_sent import AsSent, summed
from .model import Sent, Summing, single_paths
from .sent_form import Dialect, first_form

_NO_QUOTE = "\x01"  # COPY needs one; where the dialect has none, nothing may look like it


class DelimitedCopy:
    """The bytes of the files, whole records at a time."""

    filtered = 0
    unmet: frozenset[str] = frozenset()  # a field that is missing was refused before

    def __init__(
        self,
        feed: Feed,
        fields: tuple[str, ...],
        columns: tuple[str, ...],
        summing: Summing,
        *,
        quoted_null: bool,
    ) -> None:
        """``columns`` are those of the files' ``fields``, in their order.

        ``quoted_null`` allows the text for NULL in quotes, which costs the server a comparison a field.
        """
        self.columns = columns
        dialect = feed.table.reading.dialect
        self._is_seam = seam_in(fields, dialect, header=not _refuses_header(feed, fields, columns))
        self._quoted_null = quoted_null
        self._feed = feed
        self._reading = feed.table.reading
        sent = Dialect(dialect.delimiter, dialect.quote or _NO_QUOTE, dialect.null)
        strict = replace(summing, strict=summing.strict or quoted_null)
        first = (sent.data for sent in self._records(feed.files))
        self._form = first_form(feed, columns, sent, strict, first, quotes_texts=False)
        self._sums = AsSent(self._form, summing.dsn) if summing.dsn else None

    @property
    def content(self) -> ContentSum | None:
        """The sum of the rows sent so far."""
        return self._sums.content if self._sums else None

    @property
    def form(self) -> Form:
        """How the server gives rows back as they were summed up."""
        return self._form.form

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
        return summed(self._sums, self._records(files))

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
        blocks = whole_records(pipe, self._reading.dialect.quote)
        return summed(self._sums, (Sent(data, 0) for data in blocks))

    def _records(self, files: Sequence[Source]) -> Iterator[Sent]:
        unquoted = not self._reading.dialect.quote
        for file in files:
            for block in read_record_blocks(file, self._reading, quoted_null=self._quoted_null):
                if self._is_seam(block.data):
                    raise IrregularError
                if unquoted and _NO_QUOTE.encode() in block.data:
                    raise IrregularError
                yield Sent(block.data, block.records)


def copy_delimited(feed: Feed, summing: Summing, *, quoted_null: bool = False) -> DelimitedCopy | None:
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
    columns = tuple(by_path[field] for field in fields)
    return DelimitedCopy(feed, fields, columns, summing, quoted_null=quoted_null)


def _refuses_header(feed: Feed, fields: Sequence[str], columns: Sequence[str]) -> bool:
    """Return whether the server takes no header for a row: the name of a field is no value of its column."""
    return any(
        field.replace("_", "").isalpha()
        and field.lower() not in _WORDS
        and field != feed.table.reading.dialect.null
        and feed.shape.columns[column].type.partition("(")[0].partition(" ")[0] in _NO_WORDS
        for field, column in zip(fields, columns)
    )


# Types that take no words, but for these; `timestamp(3) with time zone` is one.
_NO_WORDS = ("smallint", "integer", "bigint", "numeric", "real", "double", "date", "timestamp", "uuid")
_WORDS = ("nan", "inf", "infinity", "now", "today", "tomorrow", "yesterday", "epoch", "allballs")
