"""CSV and TSV: fields by the names in the header."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from ..errors import Refusal
from .bad import Bad, bad
from .blocks import can_be_cut, read_record_blocks
from .format import Code
from .lines import not_text, read_lines
from .reading import Dialect, Reading
from .source import Source

_LONGEST_FIELD = (1 << 31) - 1  # csv's own limit is 128 KiB; ours is that of the record


def read_header(source: Source, reading: Reading) -> tuple[str, ...]:
    """Return the names of the fields.

    Raises:
        Refusal: there is no header, or a name is empty or there twice.
    """
    names, _ = _opened(source, reading)
    return names


def read_delimited(source: Source, reading: Reading) -> Iterator[tuple[int, dict[str, str | None] | Bad]]:
    """Yield each record by field name, or why it is none, and the number of its first line.

    The null text gives None. A record with broken quoting is ``Bad`` with all the lines that it took.

    Raises:
        Refusal: a quote is not closed before the end, or the file cannot be read on; with file and line.
    """
    names, rows = _opened(source, reading)
    null, width = reading.dialect.null, len(names)
    for number, fields in rows:
        if isinstance(fields, Bad):
            yield number, fields
        elif len(fields) == width:
            yield number, {name: None if field == null else field for name, field in zip(names, fields)}
        elif fields:  # else an empty line
            reason = f"{len(fields)} fields where the header has {width}; correct the source or the dialect"
            yield number, bad(reason, reading.dialect.delimiter.join(fields))


def _opened(source: Source, reading: Reading) -> tuple[tuple[str, ...], _Rows]:
    """Return the names of the fields, and the rows after the header."""
    dialect = reading.dialect
    rows = _Rows(source, reading)
    if dialect.names:
        return dialect.names, rows
    number, fields = next(rows, (0, None))
    if fields is None:
        raise Refusal(f"{source} is empty: its first line must name the fields")
    if isinstance(fields, Bad):
        raise Refusal(f"{source}:{number}: {fields.reason}")
    if not dialect.header:
        return tuple(str(at) for at in range(1, len(fields) + 1)), _Rows(source, reading)
    for name in fields:
        if not name or fields.count(name) > 1:
            wrong = "there twice" if name else "empty"
            raise Refusal(f"{source}:{number}: the field name {name!r} is {wrong}; correct the header")
    for _ in range(dialect.header - 1):
        next(rows, None)
    return tuple(fields), rows


class _Rows:
    """The records as lists of fields, each with the number of its first line; ``Bad`` for a broken one."""

    def __init__(self, source: Source, reading: Reading) -> None:
        csv.field_size_limit(_LONGEST_FIELD)
        self._source = source
        self._feed = _Feed(source, reading)
        self._reader = csv.reader(self._feed, strict=True, **_options(reading.dialect))

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        return self

    def __next__(self) -> tuple[int, Any]:
        feed = self._feed
        feed.begin()
        try:
            fields = next(self._reader)
        except _NoLineError as error:
            return feed.first, error.bad
        except csv.Error as error:
            if feed.ended and feed.first:
                raise Refusal(
                    f"{self._source}:{feed.first}: {error}: a quote that begins there is not closed; "
                    "correct the source or the dialect"
                ) from error
            lines = f" (lines {feed.first} to {feed.number})" if feed.number > feed.first else ""
            return feed.first, bad(f"{error}{lines}; correct the source or the dialect", "".join(feed.lines))
        if feed.damaged is not None:
            return feed.first, feed.damaged
        return feed.first, fields


class _NoLineError(Exception):
    """A line that is no text: the record that it stands in is bad."""

    def __init__(self, unreadable: Bad) -> None:
        super().__init__(unreadable.reason)
        self.bad = unreadable


class _Feed:
    """The lines that csv reads; remembers those of the record, the first one's number, and what is wrong."""

    def __init__(self, source: Source, reading: Reading) -> None:
        self.first = 0
        self.number = 0
        self.lines: list[str] = []
        self.damaged: Bad | None = None
        self.ended = False
        self._reading = reading
        self._source = source
        self._size = 0
        self._read = read_lines(source, reading)
        for _ in zip(range(reading.dialect.skip), self._read):
            pass

    def begin(self) -> None:
        """Forget the record before."""
        self.first, self._size, self.damaged = 0, 0, None
        self.lines.clear()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for number, line in self._read:
            self.number = number
            self.first = self.first or number
            if isinstance(line, Bad):
                raise _NoLineError(line)
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                self.damaged = not_text(line, self._reading.encoding)
                text = self.damaged.text
            if "\0" in text:  # PostgreSQL takes none, and csv before Python 3.11 neither
                self.damaged = bad("a NUL byte in the text; correct the source or the `encoding:`", text)
                text = text.replace("\0", "\ufffd")
            self.lines.append(text)
            self._size += len(text)
            if self._size > self._reading.longest:
                raise Refusal(
                    f"{self._source}:{self.first}: the record is longer than {self._reading.longest} bytes: "
                    "a quote is not closed; correct the source, or declare another `longest:`"
                )
            return text
        self.ended = True
        raise StopIteration


def _options(dialect: Dialect) -> dict[str, Any]:
    quoting = {"quotechar": dialect.quote} if dialect.quote else {"quoting": csv.QUOTE_NONE}
    escape = {"escapechar": dialect.escape} if dialect.escape and dialect.escape != dialect.quote else {}
    return {"delimiter": dialect.delimiter, **quoting, **escape}


def _blocks(source: Source, reading: Reading) -> Iterator[bytes]:
    return (block.data for block in read_record_blocks(source, reading))


CODE = Code(
    read_delimited, read_header, blocks=_blocks, has_blocks=lambda reading: can_be_cut(reading.dialect)
)
