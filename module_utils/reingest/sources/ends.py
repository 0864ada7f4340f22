"""The first and the last record of a source, looked at before a load: a file that was cut is reported early.

What is between them is for the load to read.
"""

from __future__ import annotations

import codecs
import os
import re
import tempfile
from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ..errors import Refusal
from .bad import Bad
from .content import Content, suffix
from .ranges import record_end
from .reader import read_fields, read_records
from .reading import Reading
from .registry import format_called
from .source import PACKED, Pipe, Query, Source

LARGEST_PACKED = 256 << 20  # bytes of a compressed file that is read to its end
_TAIL = 1 << 16  # bytes, in which the last record lies
_LONGEST_HEAD = 1 << 20  # bytes of the lines that are skipped
_LINE_END = re.compile(rb"\r\n|\r|\n")
_AT = "before its last record"


def check_ends(reading: Reading, source: Source, *, bad_rows: bool = False) -> None:
    """Refuse a source whose first or last record cannot be read.

    A compressed file is unpacked to its end, which proves that it is whole, unless it has more than
    ``LARGEST_PACKED`` bytes. Of a file elsewhere, and of a format that is no text, only the first record is
    read; the rows of a database are read for their digest anyway.

    Args:
        reading: how it is read.
        source: the source.
        bad_rows: whether the table sets bad records aside, so that one is no reason.

    Raises:
        Refusal: with file and line, and what is wrong there.
    """
    if isinstance(source, Query):
        return
    with closing(_records(reading, source)) as records:
        number, record = next(records, (0, None))
        if isinstance(record, Bad) and not bad_rows:
            raise Refusal(f"{source}:{number}: {record.reason}")
    if not isinstance(source, Path):
        return
    packed, size = suffix(source) in PACKED, source.stat().st_size
    if _is_text(reading) and not (packed and size > LARGEST_PACKED):
        tail = _tail(source, _quote(reading), reading.dialect.skip, at_once=not packed)
        if tail:
            _check_last(reading, source, tail, bad_rows=bad_rows)
    elif packed and size <= LARGEST_PACKED:
        with Content(source) as content:
            content.at = _AT
            for _ in content.blocks():
                pass


def _records(reading: Reading, source: Source) -> Generator[tuple[int, object], None, None]:
    yield from read_records(reading, source)


def _is_text(reading: Reading) -> bool:
    code = format_called(reading.format).code()
    utf8 = codecs.lookup(reading.encoding).name == "utf-8"
    return utf8 and code.blocks is not None and code.has_blocks(reading)


def _quote(reading: Reading) -> bytes:
    return reading.dialect.quote.encode() if format_called(reading.format).dialect is not None else b""


def _tail(file: Path, quote: bytes, skip: int, *, at_once: bool) -> bytes:
    """Return the last whole records of a text, never its first one.

    Where quotes may hold line ends, they are counted from the beginning on.

    Args:
        file: the file.
        quote: what may hold line ends; empty: nothing does.
        skip: how many lines come first in which a quote is none.
        at_once: whether the end can be read without what is before it.
    """
    tail, inside = b"", 0
    with Content(file) as content:
        content.at = _AT
        if at_once and not quote:
            with file.open("rb") as stream:
                stream.seek(max(0, file.stat().st_size - _TAIL))
                tail = stream.read(_TAIL)
        else:
            for block in content.blocks():
                tail += block
                if skip:
                    ends = [found.end() for found in islice(_LINE_END.finditer(tail), skip)]
                    if len(ends) < skip and len(tail) <= _LONGEST_HEAD:
                        continue
                    tail, skip = tail[ends[-1] :] if len(ends) == skip else tail, 0
                cut = len(tail) - _TAIL
                if cut > 0:
                    inside = (inside + tail.count(quote, 0, cut)) % 2 if quote else 0
                    tail = tail[cut:]
    # Behind the first end of a record: what comes before it began earlier, or is the header.
    end = record_end(tail, quote, 0, inside)
    return tail[end:] if end else b""


def _check_last(reading: Reading, file: Path, tail: bytes, *, bad_rows: bool) -> None:
    """Refuse the last record of the text ``tail``, with its line in the file, which is counted only then."""
    names = read_fields(reading, file)
    if names is not None:
        dialect = replace(reading.dialect, header=0, skip=0, names=names)
        reading = replace(reading, dialect=dialect)
    with tempfile.TemporaryFile() as stream:  # a pipe may hold less than that
        stream.write(tail)
        stream.seek(0)
        pipe = Pipe(os.dup(stream.fileno()))
    try:
        last = deque(read_records(reading, pipe), maxlen=1)
    except Refusal as refusal:  # which names the pipe, and counts from its beginning
        found = re.fullmatch(rf"{pipe}:(\d+): (.*)", str(refusal), re.DOTALL)
        if found is None:
            raise
        raise Refusal(f"{file}:{_before(file, tail) + int(found[1])}: {found[2]}") from None
    for number, record in last:
        if isinstance(record, Bad) and not bad_rows:
            raise Refusal(f"{file}:{_before(file, tail) + number}: {record.reason}")


def _before(file: Path, tail: bytes) -> int:
    """Return how many lines come before the tail of a file."""
    with Content(file) as content:
        return sum(block.count(b"\n") for block in content.blocks()) - tail.count(b"\n")
