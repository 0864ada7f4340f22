"""JSON as the standard has it: Python's own decoder takes more."""

from __future__ import annotations

import json
from typing import NoReturn


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_number)
decode = _DECODER.decode
decode_at = _DECODER.raw_decode


def reason_of(error: Exception) -> str:
    """Return why a text is no JSON."""
    if isinstance(error, RecursionError):
        return "nested too deeply; correct the source"
    return f"not JSON: {error}; correct the source"
