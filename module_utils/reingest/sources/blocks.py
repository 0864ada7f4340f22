"""The records of a text in blocks, for those who take many at once: split where a record ends, not parsed.

What a block is good for depends on how regular the text is, and that is proven, never hoped for: a text that
is not as these functions need it ends them, and is then read record by record.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

from .content import Content
from .lines import utf8_blocks
from .reading import Dialect, Reading
from .source import Range, Source

_LONGEST = 1 << 20  # bytes of one record; a longer one is for those who read record by record
_STARTS_WITH_END_MARK = re.compile(rb"^\\\.", re.MULTILINE)


class IrregularError(Exception):
    """The text has to be read record by record."""


class QuotedNullError(Exception):
    """The text for NULL stands in quotes: the server has to be told that it counts there, too."""


@dataclass(frozen=True)
class Block:
    """Whole records as they lie in the text, in UTF-8, and their number."""

    data: bytes
    records: int


def can_be_cut(dialect: Dialect) -> bool:
    """Return whether ends of records are found by quotes alone: one byte each, and nothing escapes them."""
    return dialect.escape in ("", dialect.quote) and (dialect.quote + dialect.delimiter).isascii()


def read_line_blocks(source: Source, reading: Reading) -> Iterator[bytes]:
    """Yield a text whose every line is a record, in blocks of whole lines; the last may lack its line end.

    Raises:
        IrregularError: a line is very long, or ends with a lone CR.
        Refusal: the file cannot be read on.
    """
    for block in _whole(_text(source, reading), b""):
        if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
            raise IrregularError
        yield block


def read_record_blocks(source: Source, reading: Reading, *, quoted_null: bool = True) -> Iterator[Block]:
    r"""Yield delimited records as they are, without the lines before them and the header.

    In these blocks a quote opens a field only where the field begins, and closes it only where it ends; lines
    end with LF or CR LF; none begins with ``\.``, which ends the data for a server before PostgreSQL 18.

    Raises:
        IrregularError: a record is otherwise, or very long.
        QuotedNullError: unless ``quoted_null``, the text for NULL stands in quotes.
        Refusal: the file cannot be read on.
    """
    dialect = reading.dialect
    quote = dialect.quote.encode()
    count = _Count(quote, dialect.delimiter.encode(), None if quoted_null else dialect.null.encode())
    text = _text(source, reading)
    begins = not (isinstance(source, Range) and source.begin)
    blocks = _whole(_without_head(text, dialect) if begins else text, quote)
    held = next(blocks, None)
    while held is not None:
        block, held = held, next(blocks, None)
        if held is None:
            block = block.rstrip(b"\r\n")  # empty lines at the end are no records
            if not block:
                return
            block += b"\n"
        yield Block(block, count(block))


def whole_records(source: Source, quote: str) -> Iterator[bytes]:
    """Yield delimited records that were proven regular, in blocks of whole ones.

    Raises:
        Refusal: the source cannot be read on.
    """
    with Content(source) as content:
        yield from _whole(content.blocks(), quote.encode())


def _text(source: Source, reading: Reading) -> Iterator[bytes]:
    """Yield the text without its byte order mark."""
    begins = not (isinstance(source, Range) and source.begin)
    with Content(source) as content:
        for at, block in enumerate(utf8_blocks(content, reading)):
            marked = begins and at == 0 and block.startswith(codecs.BOM_UTF8)
            yield block[len(codecs.BOM_UTF8) :] if marked else block


def _whole(text: Iterable[bytes], quote: bytes) -> Iterator[bytes]:
    """Yield the text cut behind ends of records."""
    left = b""
    for block in text:
        data = left + block
        cut = _end_of_records(data, quote)
        left = data[cut:]
        if len(left) > _LONGEST:
            raise IrregularError
        if cut:
            yield data[:cut]
    if left:
        yield left


def _end_of_records(data: bytes, quote: bytes) -> int:
    """Return where the last record that ends in the data ends; 0 where none does."""
    end = data.rfind(b"\n") + 1
    if not quote:
        return end
    inside = data.count(quote, 0, end) % 2
    while end and inside:
        opened = data.rfind(quote, 0, end)  # all line ends behind it are in quotes
        end = data.rfind(b"\n", 0, opened) + 1
        inside = (inside + data.count(quote, end, opened + 1)) % 2
    return end


def _without_head(text: Iterable[bytes], dialect: Dialect) -> Iterator[bytes]:
    """Yield the text behind the lines before the header and the header itself, which must be in one block."""
    blocks = iter(text)
    first = next(blocks, b"")
    quote = dialect.quote.encode()
    at = 0
    for number in range(dialect.skip + dialect.header):
        begin, at = at, first.find(b"\n", at) + 1
        while at and number >= dialect.skip and quote and first.count(quote, begin, at) % 2:
            at = first.find(b"\n", at) + 1
        if not at and begin < len(first):
            raise IrregularError
        if not first[begin:at].strip(b"\r\n") or first.count(b"\r", begin, at) != first.count(
            b"\r\n", begin, at
        ):
            raise IrregularError
    yield first[at:]
    yield from blocks


class _Count(NamedTuple):
    """Counts the records of a block, and proves that they are regular; ``null`` must not stand in quotes."""

    quote: bytes
    delimiter: bytes
    null: Optional[bytes]  # noqa: UP045 - evaluated, also by Python 3.9

    def __call__(self, data: bytes) -> int:
        """Return how many records the data have, which end with a line end."""
        text = data
        if self.quote and self.quote in data:
            pieces = data.split(self.quote)
            outside = pieces[::2]  # an empty one between two others is a doubled quote
            before = {piece[-1:] for piece in outside[:-1]}
            after = {piece[:1] for piece in outside[1:]}
            ends = {b"", self.delimiter, b"\n"}
            if len(pieces) % 2 == 0 or before - ends or after - ends - {b"\r"}:
                raise IrregularError
            if self.null is not None and self.null in pieces[1::2] and self._has_null(pieces):
                raise QuotedNullError
            text = b"".join(outside)
        if b"\r" in text and text.count(b"\r") != text.count(b"\r\n"):
            raise IrregularError
        if b"\\" in data and _STARTS_WITH_END_MARK.search(data):  # in quotes, too
            raise IrregularError
        return text.count(b"\n")

    def _has_null(self, pieces: Sequence[bytes]) -> bool:
        """Return whether one piece in quotes, which is no part of a field with doubled quotes, is NULL."""
        last = len(pieces) - 1
        return any(
            pieces[at] == self.null and (at == 1 or pieces[at - 1]) and (at + 1 == last or pieces[at + 1])
            for at in range(1, last, 2)
        )
