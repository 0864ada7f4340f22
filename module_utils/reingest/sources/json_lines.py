"""JSON lines: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable

from .bad import Bad, bad
from .blocks import read_line_blocks
from .format import Code
from .json_text import decoder_of, reason_of
from .lines import not_text, read_lines
from .optional import library_if_there
from .reading import Reading
from .source import Source
from .values import Number


def read_json_lines(source: Source, reading: Reading) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """Yield each object, or why a line is none, and its line number; empty lines are passed over.

    Raises:
        Refusal: the file cannot be read on; with file and line.
    """
    decode = decoder_of(unique_keys=reading.unique_keys).decode
    quick, errors = _quick(decode, unique_keys=reading.unique_keys)
    for number, line in read_lines(source, reading):
        if isinstance(line, Bad):
            yield number, line
            continue
        try:
            record = quick(line)
        except errors:
            record = _decoded(line, reading.encoding, decode)
            if record is None:
                continue
        if type(record) is dict or type(record) is Bad:
            yield number, record
        else:
            yield number, bad("not a JSON object; JSON lines hold one object a line", line.decode("utf-8"))


def _quick(
    decode: Callable[[str], Any], *, unique_keys: bool
) -> tuple[Callable[[bytes], Any], tuple[type[Exception], ...]]:
    """Return what decodes a line that is good, and what it raises on another one.

    What is wrong with that is found out afterwards.
    """
    msgspec = library_if_there("msgspec")
    if msgspec is None or unique_keys:  # it takes the last of two keys, and does not tell
        return lambda line: decode(line.decode("utf-8")), (ValueError, RecursionError)
    # Its errors are a ValueError only since its release for Python 3.10.
    return msgspec.json.Decoder(float_hook=Number).decode, (msgspec.MsgspecError, ValueError, RecursionError)


def _decoded(line: bytes, encoding: str, decode: Callable[[str], Any]) -> Any:  # noqa: ANN401 - what JSON holds
    """Return the line's value, or ``Bad``; None for an empty line."""
    if not line.strip():
        return None
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return not_text(line, encoding)
    try:
        value = decode(text)
    except (ValueError, RecursionError) as error:
        return bad(reason_of(error), text)
    return bad("not a JSON object; JSON lines hold one object a line", text) if value is None else value


CODE = Code(read_json_lines, blocks=read_line_blocks)
