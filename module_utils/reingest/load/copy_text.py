"""Values as PostgreSQL's COPY reads them in text format."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Callable

from ..dataset.mapping import UnfitError, Value
from ..sources.optional import library_if_there
from ..sources.values import Number
from .catalog import ARRAY, JSON

Encoder = Callable[[Value], str]

NULL = "\\N"
_DEEPEST = 6  # dimensions of an array
_ESCAPE = re.compile(r"\\(.)")
_MEANING = {"n": "\n", "t": "\t", "r": "\r"}


def _encoder() -> Callable[[Value], str]:
    """Return what writes JSON; only msgspec's readers give numbers by their digits, and it writes them so."""
    written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    msgspec = library_if_there("msgspec")
    if msgspec is None:
        return written
    encode = msgspec.json.Encoder(enc_hook=lambda number: msgspec.Raw(number.text.encode())).encode

    def text(value: Value) -> str:
        try:
            return str(encode(value), "utf-8")
        except (UnicodeEncodeError, OverflowError, TypeError):  # half a surrogate pair, say: told later
            return written(value)

    return text


_dumps = _encoder()


def encoders(kinds: Sequence[str], *, typed: bool) -> list[Encoder]:
    """Return one encoder for each column.

    Args:
        kinds: the kinds of the columns, as the catalog has them.
        typed: whether the source's values have types, as JSON's have; those of CSV are texts.
    """
    chosen: dict[str, Encoder] = {JSON: _json if typed else encode, ARRAY: _array if typed else encode}
    return [chosen.get(kind, encode) for kind in kinds]


def json_encoder() -> Encoder:
    """Return the encoder for the rest of a record, whatever its source."""
    return _json


def escaped(text: str) -> str:
    """Return a text as COPY reads it."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\n" in text:
        text = text.replace("\n", "\\n")
    if "\t" in text:
        text = text.replace("\t", "\\t")
    if "\r" in text:
        text = text.replace("\r", "\\r")
    return text


def unescaped(field: str) -> str:
    """Return the text of a field."""
    return _ESCAPE.sub(_meant, field) if "\\" in field else field


def _meant(match: re.Match[str]) -> str:
    mark = match.group(1)
    return _MEANING.get(mark, mark)


def encode(value: Value) -> str:
    """Return one value as COPY reads it.

    Raises:
        UnfitError: it is an array or an object.
    """
    if value is None:
        return NULL
    kind = type(value)
    if kind is str:
        return escaped(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return repr(value)
    if kind is Number:
        return str(value.text)
    what = "an array" if kind is list else "an object"
    raise UnfitError(
        f"{what}, and the column takes one value: name a path inside it, or make the column jsonb"
    )


def _json(value: Value) -> str:
    if value is None:
        return NULL
    text = _dumps(value)  # control characters are escaped by JSON itself
    return text.replace("\\", "\\\\") if "\\" in text else text


def _array(value: Value) -> str:
    return escaped(_literal(value)) if type(value) is list else encode(value)


def _literal(values: list[Value], depth: int = 1) -> str:
    if depth > _DEEPEST:
        raise UnfitError(f"an array nested more than {_DEEPEST} deep, which no array of PostgreSQL is")
    return "{" + ",".join(_element(value, depth) for value in values) + "}"


def _element(value: Value, depth: int) -> str:
    if value is None:
        return "NULL"
    if type(value) is list:
        return _literal(value, depth + 1)
    text = value if type(value) is str else _dumps(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
