"""One JSON document with an array of objects in it, read one object at a time."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from ..errors import Refusal
from .bad import Bad, bad
from .content import Content
from .format import Code
from .json_text import decoder_of
from .lines import utf8_blocks
from .reading import Reading
from .source import Source

_SPACE = re.compile(r"[ \t\r\n]*")
_OUTSIDE = re.compile(r'["\[\]{}]')
_INSIDE = re.compile(r'["\\]')
_SCALAR_END = re.compile(r"[\s,\]}]")
_LONE = re.compile("[\ud800-\udfff]")
_SHOWN = 200  # characters of a value that is too long


def read_json_array(source: Source, reading: Reading) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """Yield each object of the array, or why an element is none, and the line that it begins in.

    ``reading.records`` is the path to the array, keys joined by dots; empty where the document is the array.
    An element with balanced brackets that is no JSON is ``Bad`` and reading goes on after it.

    Raises:
        Refusal: the document has no such array, ends early, or cannot be read on; with file and line.
    """
    with Content(source) as content:
        document = _Document(content, reading)
        path = [key for key in reading.records.split(".") if key]
        for at, key in enumerate(path):
            _enter(document, key, path[: at + 1])
        yield from _elements(document, path)
        for _ in path:
            while document.peek() == ",":
                document.expect(",")
                document.value_text(keep=True)
                document.expect(":")
                document.value_text(keep=False)
            document.expect("}")
        if document.peek():
            raise document.refusal(
                "more follows after the end of the document; JSON lines are `format: jsonl`"
            )


def _enter(document: _Document, key: str, path: list[str]) -> None:
    """Go to the value of a key of the object that comes next."""
    keys: list[str] = []
    if document.peek() != "{":
        raise document.refusal(f"no object here, and `records:` leads to {'.'.join(path)}")
    document.expect("{")
    while document.peek() == '"':
        text, _ = document.value_text(keep=True)
        try:
            keys.append(json.loads(text, strict=False))
        except ValueError as error:
            raise document.refusal(f"not JSON: {error}; correct the source") from error
        document.expect(":")
        if keys[-1] == key:
            return
        document.value_text(keep=False)
        if document.peek() != ",":
            break
        document.expect(",")
    raise document.refusal(f"there is no {'.'.join(path)}; the keys there are {', '.join(keys)}")


def _elements(document: _Document, path: list[str]) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    if document.peek() != "[":
        hint = "correct `records:`" if path else "name the path of the array in it with `records:`"
        raise document.refusal(f"not an array of objects; {hint}, or read JSON lines with `format: jsonl`")
    document.expect("[")
    if document.peek() == "]":
        document.expect("]")
        return
    while True:
        document.peek()
        yield document.line, document.element()
        if document.peek() == "]":
            document.expect("]")
            return
        document.expect(",")


class _Document:
    """The text from where reading has come to; ``line`` is the line there."""

    def __init__(self, content: Content, reading: Reading) -> None:
        self.line = 1
        self._source = content.source
        self._content = content
        self._longest = reading.longest
        self._encoding = reading.encoding
        self._blocks = utf8_blocks(content, reading)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._decode_at = decoder_of(unique_keys=reading.unique_keys).raw_decode
        self._damaged = False  # whether there was any text that is not in the encoding
        self._text = ""
        self._at = 0
        self._fill(1)
        if self._text.startswith("\ufeff"):
            self._at = 1

    def refusal(self, text: str) -> Refusal:
        """Return a refusal that names the file and the line."""
        return Refusal(f"{self._source}:{self.line}: {text}")

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._advance(found.end() if found else self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill(1):
                return ""

    def expect(self, mark: str) -> None:
        """Go past a mark."""
        there = self.peek()
        if not there:
            raise self.refusal("the file is truncated: the document does not end; fetch it again")
        if there != mark:
            raise self.refusal(f"not JSON: {mark!r} expected, not {there!r}; correct the source")
        self._advance(self._at + 1)

    def element(self) -> dict[str, Any] | Bad:
        """Return the next value, which should be an object."""
        if self._text.startswith("{", self._at):
            try:
                value, end = self._decode_at(self._text, self._at)
            except (ValueError, RecursionError):
                pass  # it may go on in the text that is not read yet
            else:
                return self._checked(value, end)
        text, whole = self.value_text(keep=True)
        if not whole:
            return bad(f"longer than {self._longest} bytes; correct the source, or declare `longest:`", text)
        try:
            value, end = self._decode_at(text, 0)
        except RecursionError:
            return bad("nested too deeply; correct the source", text)
        except ValueError as error:
            return bad(f"not JSON: {getattr(error, 'msg', error)}; correct the source", text)
        if end != len(text):
            return bad("not JSON: extra data; correct the source", text)
        if type(value) is not dict:
            return bad("not a JSON object; the array must hold objects", text)
        return self._sound(value, text)

    def value_text(self, *, keep: bool) -> tuple[str, bool]:
        """Go past the next value; return its text, and whether that is all of it.

        Nothing is kept of a value that is only passed over, and the beginning of one over the limit.
        """
        first = self.peek()
        if not first or first in ",:]}":
            raise self.refusal(f"not JSON: a value expected, not {first or 'the end'!r}; correct the source")
        kept, whole = "", True
        depth, inside, at = 0, False, self._at
        scalar = first not in '{["'
        while True:
            pattern = _SCALAR_END if scalar else _INSIDE if inside else _OUTSIDE
            found = pattern.search(self._text, at)
            if found is None:
                at = len(self._text)
                if keep and at - self._at > self._longest:
                    kept, whole, keep = self._text[self._at : self._at + _SHOWN], False, False
                if not keep:
                    self._advance(at)
                had = at - self._at
                if not self._fill(had):
                    if scalar:
                        break
                    raise self.refusal("the file is truncated: a value does not end; fetch it again")
                at = self._at + had
                continue
            if scalar:
                at = found.start()
                break
            at, mark = found.end(), found.group()
            if mark == '"':
                inside = not inside
            elif mark == "\\":
                at = self._escaped(at, keep)
                continue
            else:
                depth += 1 if mark in "{[" else -1
            if depth == 0 and not inside:
                break
        if keep:
            kept = self._text[self._at : at]
        self._advance(at)
        return kept, whole

    def _escaped(self, at: int, keep: bool) -> int:
        """Return where to go on after a backslash: what follows it does not end the text."""
        if at >= len(self._text):
            if not keep:
                self._advance(at)
            had = at - self._at
            if not self._fill(had):
                raise self.refusal("the file is truncated: a value does not end; fetch it again")
            at = self._at + had
        return at + 1

    def _checked(self, value: dict[str, Any], end: int) -> dict[str, Any] | Bad:
        text = self._text[self._at : end] if self._damaged or end - self._at > self._longest else ""
        self._advance(end)
        if len(text) > self._longest:
            return bad(
                f"longer than {self._longest} bytes; correct the source, or declare `longest:`", text[:_SHOWN]
            )
        return self._sound(value, text)

    def _sound(self, value: dict[str, Any], text: str) -> dict[str, Any] | Bad:
        if self._damaged and _LONE.search(text):
            return bad(f"not {self._encoding}; correct the source or the encoding", ascii(text).strip("'"))
        return value

    def _advance(self, at: int) -> None:
        self.line += self._text.count("\n", self._at, at)
        self._at = at

    def _fill(self, least: int) -> bool:
        """Read on, ``least`` again, so that a long value is not copied for each block; false at the end."""
        parts = [self._text[self._at :]]
        size = 0
        self._content.at = f"after line {self.line}"
        for block in self._blocks:
            part = self._decoder.decode(block)
            self._damaged = self._damaged or _LONE.search(part) is not None
            parts.append(part)
            size += len(part)
            if size >= max(least, 1):
                break
        self._text, self._at = "".join(parts), 0
        return size > 0


CODE = Code(read_json_array)
