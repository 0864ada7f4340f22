"""The lines of a text, with their numbers; constant memory but for one line."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Iterable, Iterator
from typing import Callable, cast

from ..errors import Refusal
from .bad import Bad
from .content import Content
from .reading import Reading
from .source import Source

_MARK = codecs.BOM_UTF8
_OTHER_MARKS = {  # that of UTF-32 begins as one of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_UNREADABLE = "reingest-unreadable"  # what is done with bytes that an encoding does not have
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
        Refusal: the file cannot be read on, or is UTF-16 or UTF-32 and not declared so.
    """
    blocks = content.blocks()
    if is_utf8(reading.encoding):
        for at, block in enumerate(blocks):
            other = next((name for mark, name in _OTHER_MARKS.items() if block.startswith(mark)), "")
            if at == 0 and other:
                raise Refusal(
                    f"{content.source} is {other.upper()} by its byte order mark: add `encoding: {other}` to "
                    "the table"
                )
            yield block
        return
    decoder = codecs.getincrementaldecoder(reading.encoding)(_UNREADABLE)
    first = b""
    try:
        for block in blocks:
            first = first or block[:4]
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        if decoder.getstate()[0]:
            raise Refusal(
                f"{content.source} is not {reading.encoding} {content.at} (it ends within a character): it "
                "was cut; fetch it again, or correct the `encoding:`"
            )
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeError as error:  # there is no byte order mark, and bytes alone do not tell their order
        name = codecs.lookup(reading.encoding).name
        order = "be" if first[:1] == b"\0" else "le"
        raise Refusal(
            f"{content.source} has no byte order mark ({error}): declare `encoding: {name}-{order}`, which "
            "its first bytes look like, or the other order"
        ) from error


def is_utf8(encoding: str) -> bool:
    """Return whether a text in that encoding is read as it is; a byte order mark is passed over anyway."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def _unreadable(error: UnicodeError) -> tuple[str, int]:
    """Return half a surrogate for what is no character: whoever decodes the line finds it there."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    with contextlib.suppress(UnicodeError):  # UTF-16 has half surrogates of its own
        return _pass_surrogates(error)
    return "\udc80", error.end


_pass_surrogates = cast("Callable[[UnicodeError], tuple[str, int]]", codecs.lookup_error("surrogatepass"))
codecs.register_error(_UNREADABLE, _unreadable)


def not_text(line: bytes, encoding: str) -> Bad:
    """Return what is wrong with a line that is no valid UTF-8."""
    place = ""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f" at byte {error.start + 1}" if is_utf8(encoding) else ""
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
