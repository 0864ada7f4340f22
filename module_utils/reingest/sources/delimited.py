"""CSV and TSV: fields by the names in the header."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from typing import Any, Callable

from ..errors import Refusal
from .bad import Bad, bad
from .blocks import IrregularError, can_be_cut, read_record_blocks
from .format import Code
from .lines import not_text, read_lines
from .reading import Dialect, Reading
from .source import Source

LOAD, SKIP = "load", "skip"  # what becomes of a header that stands again in the middle
_MARK = codecs.BOM_UTF8
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
    null, width, again = rows.null, len(names), _Repeated(reading.dialect, names)
    for number, fields in rows:
        if isinstance(fields, Bad):
            yield number, fields
        elif again.is_header(fields):
            if reading.dialect.repeated != SKIP:
                yield number, bad(_AGAIN, rows.text)
        elif rows.marked:
            yield number, bad(_MARKED, rows.text)
        elif len(fields) == width:
            yield number, {name: None if field == null else field for name, field in zip(names, fields)}
        elif fields:  # else an empty line
            reason = f"{len(fields)} fields where the header has {width}; correct the source or the dialect"
            yield number, bad(reason, rows.text)


_AGAIN = (
    "the header again: files that were put together; list them in `from:`, or declare "
    "`repeated_header: skip`, or `load` where it is a row"
)
_MARKED = "a byte order mark in the middle of the text: files that were put together; list them in `from:`"


class _Repeated:
    """Tells the header where it stands again, all the lines of it."""

    def __init__(self, dialect: Dialect, names: tuple[str, ...]) -> None:
        self._names = list(names) if repeats(dialect) else None
        self._lines = dialect.header
        self._left = 0

    def is_header(self, fields: list[str]) -> bool:
        if fields == self._names:
            self._left = self._lines
        elif not self._left:
            return False
        self._left -= 1
        return True


def repeats(dialect: Dialect) -> bool:
    """Return whether the files have headers, and a second one is none of their rows."""
    return bool(dialect.header) and not dialect.names and dialect.repeated != LOAD


def seam_in(names: tuple[str, ...], dialect: Dialect, *, header: bool = True) -> Callable[[bytes], bool]:
    """Return what tells of whole records that files may have been put together there, by mark or header.

    It may be wrong about a record whose first field is the first one's name. Without ``header`` only marks
    are looked for.
    """
    bare: list[bytes] = []
    quoted: list[bytes] = []
    if header and repeats(dialect):
        quote, first = dialect.quote, names[0]
        ends = [dialect.delimiter] if len(names) > 1 else ["\n", "\r\n"]
        bare = [f"{first}{end}".encode() for end in ends]
        if quote:
            first = first.replace(quote, quote * 2)
            quoted = [f"{quote}{first}{quote}{end}".encode() for end in ends]
    mark, begins = dialect.quote.encode(), (_MARK, *bare, *quoted)

    def is_seam(block: bytes) -> bool:
        if block.startswith(begins) or any(b"\n" + one in block for one in bare):
            return True
        if quoted and mark in block and any(b"\n" + one in block for one in quoted):
            return True
        return not block.isascii() and _MARK in block and b"\n" + _MARK in block

    return is_seam


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
    fields = [dialect.null if name == rows.null else name for name in fields]
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
        self._null = _EscapedNull(reading.dialect) if _is_escaped(reading.dialect) else None
        self.null = _NULL if self._null else reading.dialect.null
        self._feed = _Feed(source, reading, self._null)
        self._reader = csv.reader(self._feed, strict=True, **_options(reading.dialect))

    @property
    def text(self) -> str:
        """Return the record as it stands there."""
        return "".join(self._feed.lines).rstrip("\r\n")

    @property
    def marked(self) -> bool:
        """Return whether the record begins with a byte order mark that is not the text's own."""
        return self._feed.marked

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
        return feed.first, self._null.plain(fields) if self._null else fields


# In the place of a text for NULL while csv takes the escapes out: no text that was decoded has it.
_NULL = "\ud800"


def _is_escaped(dialect: Dialect) -> bool:
    """Return whether the text for NULL is looked for before escapes are resolved: then it is too late."""
    return bool(dialect.null) and bool(dialect.escape) and dialect.escape != dialect.quote


class _EscapedNull:
    """Marks the text for NULL as it stands in the source, with its escape, before escapes are resolved."""

    def __init__(self, dialect: Dialect) -> None:
        escape, null = re.escape(dialect.escape), dialect.null
        self._null = null
        self._mark = re.compile(f"{re.escape(null)}|{escape}.", re.DOTALL).sub
        self._meant = re.sub(f"{escape}(.)", r"\1", null, flags=re.DOTALL)

    def marked(self, text: str) -> str:
        """Return a line with marks in place of the text for NULL, wherever it stands."""
        return self._mark(self._marked, text)

    def plain(self, fields: list[str]) -> list[str]:
        """Return fields in which only whole ones are marked: in others it is a part of their text."""
        return [
            field.replace(_NULL, self._meant) if _NULL in field and field != _NULL else field
            for field in fields
        ]

    def _marked(self, found: re.Match[str]) -> str:
        return _NULL if found[0] == self._null else found[0]


class _NoLineError(Exception):
    """A line that is no text: the record that it stands in is bad."""

    def __init__(self, unreadable: Bad) -> None:
        super().__init__(unreadable.reason)
        self.bad = unreadable


class _Feed:
    """The lines that csv reads; remembers those of the record, the first one's number, and what is wrong."""

    def __init__(self, source: Source, reading: Reading, null: _EscapedNull | None) -> None:
        self.first = 0
        self.number = 0
        self.lines: list[str] = []
        self.damaged: Bad | None = None
        self.marked = False
        self.ended = False
        self._reading = reading
        self._source = source
        self._size = 0
        self._null = null
        self._read = read_lines(source, reading)
        for _ in zip(range(reading.dialect.skip), self._read):
            pass

    def begin(self) -> None:
        """Forget the record before."""
        self.first, self._size, self.damaged, self.marked = 0, 0, None, False
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
            if text.startswith("\ufeff") and self.first == number:
                self.marked, text = True, text[1:]
            return self._null.marked(text) if self._null else text
        self.ended = True
        raise StopIteration


def _options(dialect: Dialect) -> dict[str, Any]:
    quoting = {"quotechar": dialect.quote} if dialect.quote else {"quoting": csv.QUOTE_NONE}
    escape = {"escapechar": dialect.escape} if dialect.escape and dialect.escape != dialect.quote else {}
    return {"delimiter": dialect.delimiter, **quoting, **escape}


def _blocks(source: Source, reading: Reading) -> Iterator[bytes]:
    is_seam = seam_in(read_header(source, reading), reading.dialect)
    for block in read_record_blocks(source, reading):
        if is_seam(block.data):
            raise IrregularError
        yield block.data


CODE = Code(
    read_delimited, read_header, blocks=_blocks, has_blocks=lambda reading: can_be_cut(reading.dialect)
)
