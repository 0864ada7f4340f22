"""JSON as the standard has it: Python's own decoder takes more."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Callable, NoReturn

from .reading import NULL, REJECT
from .values import Number

_DIGITS = 4300


def _no_number(text: str) -> NoReturn:
    raise ValueError(f'{text} is not JSON (`nan: "null"` declares it as NULL)')


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > _DIGITS:  # Python says how to raise its own limit
        raise ValueError(f"a number of {len(text)} digits is too long")
    return int(text)


def _null(_: str) -> None:
    """Return NULL for what Python writes as NaN, Infinity or -Infinity, and JSON does not have."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"the key {', '.join(map(repr, twice))} is there twice")
    return found


def decoder_of(*, unique_keys: bool = False, nan: str = REJECT) -> json.JSONDecoder:
    """Return what decodes JSON.

    Args:
        unique_keys: an object in which a key is twice is none.
        nan: what becomes of a number that is none.
    """
    constant = _null if nan == NULL else _no_number
    hook = _unique if unique_keys else None
    # Where quicker readers do not come first, numbers keep their digits here.
    number: Callable[[str], float] = Number if unique_keys or nan == NULL else _number
    return json.JSONDecoder(
        parse_constant=constant, parse_float=number, parse_int=_whole, object_pairs_hook=hook
    )


def reason_of(error: Exception) -> str:
    """Return why a text is no JSON."""
    if isinstance(error, RecursionError):
        return "nested too deeply; correct the source"
    return f"not JSON: {error}; correct the source"
