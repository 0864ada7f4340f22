"""BSON as mongodump writes it: one document after the other, each with its length."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any, Callable

from ..errors import Refusal
from .bad import Bad, bad
from .content import Content
from .format import Code
from .optional import library
from .reading import Reading
from .source import Source
from .values import plain

_LENGTH = struct.Struct("<i")
_SMALLEST = 5
_BLOCK = 1 << 20
_INCREMENTS = 1_000_000  # microseconds of a second
_OPTIONS = (
    ("i", re.IGNORECASE),
    ("l", re.LOCALE),
    ("m", re.MULTILINE),
    ("s", re.DOTALL),
    ("u", re.UNICODE),
    ("x", re.VERBOSE),
)


def read_bson(source: Source, reading: Reading) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """Yield each document, or why it cannot be read, and its number.

    Raises:
        Refusal: the file is truncated, or a length in it is none, so that the next document cannot be found.
    """
    decode = _decoder(source, unique_keys=reading.unique_keys)
    number = 0
    with Content(source) as content:
        while head := _exactly(content, 4, number):
            number += 1
            (length,) = _LENGTH.unpack(head)
            if not _SMALLEST <= length <= reading.longest:
                raise Refusal(
                    f"{source}:{number}: {length} is no length of a document (5 to {reading.longest} bytes): "
                    "the file is not BSON, or it is damaged; fetch it again"
                )
            raw = head + _exactly(content, length - 4, number)
            try:
                yield number, decode(raw)
            except ValueError as error:
                yield number, bad(f"not BSON: {error}; correct the source", raw.hex())


def _exactly(content: Content, size: int, number: int) -> bytes:
    """Return so many bytes, in blocks: a wrong length must not cost its memory. Empty at the file's end."""
    content.at = f"after document {number}"
    parts: list[bytes] = []
    left = size
    while left:
        block = content.read(min(left, _BLOCK))
        if not block:
            break
        parts.append(block)
        left -= len(block)
    if left and (parts or size != 4):
        raise Refusal(
            f"{content.source} is truncated: it ends inside document {number + (size == 4)}; fetch it again"
        )
    return b"".join(parts)


def _decoder(source: Source, *, unique_keys: bool) -> Callable[[bytes], dict[str, Any]]:
    need = ("pymongo", f"source {source}")
    bson = library("bson", *need)
    options = library("bson.codec_options", *need)
    settings = options.CodecOptions(
        tz_aware=True,
        uuid_representation=library("bson.binary", *need).UuidRepresentation.STANDARD,
        datetime_conversion=options.DatetimeConversion.DATETIME_AUTO,
        document_class=_UniqueKeys if unique_keys else dict,
    )
    decoded = library("bson.errors", *need).BSONError
    texts = _texts(need)

    def decode(raw: bytes) -> dict[str, Any]:
        try:
            document = bson.decode(raw, settings)
            return {name: _typed(value, texts) for name, value in document.items()}
        except decoded as error:
            raise ValueError(str(error)) from error

    return decode


def _texts(need: tuple[str, str]) -> dict[type, Callable[[Any], Any]]:
    """Return what makes a plain value of each of BSON's own types."""
    return {
        library("bson.objectid", *need).ObjectId: str,
        library("bson.decimal128", *need).Decimal128: lambda value: plain(value.to_decimal()),
        library("bson.timestamp", *need).Timestamp: _timestamp,
        library("bson.regex", *need).Regex: _regex,
        library("bson.code", *need).Code: lambda value: _code(value, need),
        library("bson.dbref", *need).DBRef: lambda value: _typed(value.as_doc(), _texts(need)),
    }


class _UniqueKeys(dict[str, Any]):
    """A document in which no key may be twice."""

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401 - what BSON holds
        if key in self:
            raise ValueError(f"the key {key!r} is there twice")
        super().__setitem__(key, value)


def _timestamp(value: Any) -> str:  # noqa: ANN401 - pymongo is imported late
    """Return the second of it, with its increment, which counts the changes in it, as microseconds."""
    if value.inc >= _INCREMENTS:
        raise ValueError(f"the increment {value.inc} of a Timestamp is more than microseconds can tell")
    return str(plain(value.as_datetime().replace(microsecond=value.inc)))


def _regex(value: Any) -> str:  # noqa: ANN401 - pymongo is imported late
    """Return the pattern, with its options before it as expressions have them."""
    options = "".join(letter for letter, flag in _OPTIONS if value.flags & flag)
    return f"(?{options}){value.pattern}" if options else str(value.pattern)


def _code(value: Any, need: tuple[str, str]) -> Any:  # noqa: ANN401 - pymongo is imported late
    """Return the code; with a scope both, as `mongoexport` writes them."""
    if value.scope is None:
        return str(value)
    return {"$code": str(value), "$scope": _typed(value.scope, _texts(need))}


def _typed(value: Any, texts: dict[type, Callable[[Any], Any]]) -> Any:  # noqa: ANN401 - what BSON holds
    convert = texts.get(type(value))
    if convert is not None:
        return convert(value)
    if isinstance(value, dict):
        return {name: _typed(one, texts) for name, one in value.items()}
    if isinstance(value, list):
        return [_typed(one, texts) for one in value]
    return plain(value)


CODE = Code(read_bson)
