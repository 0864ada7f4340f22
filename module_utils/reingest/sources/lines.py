"""The lines of a text, with their numbers; constant memory but for one line."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from ..errors import Refusal
from .bad import Bad
from .content import Content
from .reading import Reading
from .source import Source

_MARK = codecs.BOM_UTF8
_OTHER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SHOWN = 200  # bytes of a line that is too long


def read_lines(source: Source, reading: Reading) -> Iterator[tuple[int, bytes | Bad]]:
    """Yield the number, from 1, and the UTF-8 of each line, with its end and without a byte order mark.

    A line ends with LF, CR LF or CR. What the text's encoding does not allow stays invalid in the UTF-8, so
    that whoever decodes it finds it. A line over the limit is ``Bad``.

    Raises:
        Refusal: the file cannot be read on, or is not in the encoding at all; with the line.
    """
    with Content(source) as content:
        number = 0
        for number, line in enumerate(_split(utf8_blocks(content, reading), reading.longest), 1):
            content.at = f"after line {number}"
            if number == 1 and isinstance(line, bytes) and line.startswith(_MARK):
                yield number, line[len(_MARK) :]
            else:
                yield number, line


def utf8_blocks(content: Content, reading: Reading) -> Iterator[bytes]:
    """Yield the text as UTF-8; what its encoding does not allow becomes invalid UTF-8 where it stands.

    Raises:
        Refusal: the file cannot be read on, or is UTF-16 and not declared so.
    """
    if codecs.lookup(reading.encoding).name == "utf-8":
        for at, block in enumerate(content.blocks()):
            if at == 0 and block.startswith(_OTHER_MARKS):
                raise Refusal(
                    f"{content.source} is UTF-16 by its byte order mark: add `encoding: utf-16` to the table"
                )
            yield block
        return
    # Half surrogates pass in UTF-16 and UTF-32, other bytes that mean nothing become half surrogates.
    errors = "surrogatepass" if "utf" in reading.encoding.lower() else "surrogateescape"
    decoder = codecs.getincrementaldecoder(reading.encoding)(errors)
    try:
        for block in content.blocks():
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeError as error:  # one without a reason, where UTF-16 has no byte order mark
        raise Refusal(
            f"{content.source} is not {reading.encoding} {content.at} ({getattr(error, 'reason', error)}): "
            "correct the source or the `encoding:`"
        ) from error


def not_text(line: bytes, encoding: str) -> Bad:
    """Return what is wrong with a line that is no valid UTF-8."""
    place = ""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f" at byte {error.start + 1}" if codecs.lookup(encoding).name == "utf-8" else ""
    name = "UTF-8" if place else encoding
    return Bad(
        f"not {name}{place}; correct the source or the encoding", line.decode("utf-8", "backslashreplace")
    )


def _split(blocks: Iterable[bytes], longest: int) -> Iterator[bytes | Bad]:
    pieces: list[bytes] = []  # of the line that has not ended yet
    size = 0
    for block in blocks:
        if not block:
            continue
        size += len(block)
        if not (b"\n" in block or b"\r" in block or (pieces and pieces[-1].endswith(b"\r"))):
            pieces.append(block)
            if size > longest:
                pieces = [b"".join(pieces)[:_SHOWN]]  # only the beginning is kept
            continue
        cut = size > longest
        lines = b"".join([*pieces, block]).splitlines(keepends=True)
        first_was_cut = sum(map(len, pieces)) + len(block) < size
        pieces, size = [], 0
        if not lines[-1].endswith(b"\n"):  # a CR may still be followed by its LF
            last = lines.pop()
            pieces, size = [last], len(last)
        for at, line in enumerate(lines):
            if cut and (len(line) > longest or (at == 0 and first_was_cut)):
                yield _too_long(line, longest)
            else:
                yield line
    if size > longest:
        yield _too_long(b"".join(pieces), longest)
    elif pieces:
        yield b"".join(pieces)


def _too_long(line: bytes, longest: int) -> Bad:
    shown = line[:_SHOWN].decode("utf-8", "backslashreplace")
    return Bad(
        f"longer than {longest} bytes; correct the source, or declare another `longest:`", f"{shown}..."
    )
