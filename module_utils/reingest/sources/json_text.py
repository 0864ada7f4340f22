"""JSON as the standard has it: Python's own decoder takes more."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

from .values import Number


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"the key {', '.join(map(repr, twice))} is there twice")
    return found


def decoder_of(*, unique_keys: bool) -> json.JSONDecoder:
    """Return what decodes JSON; with ``unique_keys`` an object in which a key is twice is none."""
    return _CAREFUL if unique_keys else _DECODER


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_number)
_CAREFUL = json.JSONDecoder(parse_constant=_no_number, parse_float=Number, object_pairs_hook=_unique)


def reason_of(error: Exception) -> str:
    """Return why a text is no JSON."""
    if isinstance(error, RecursionError):
        return "nested too deeply; correct the source"
    return f"not JSON: {error}; correct the source"
