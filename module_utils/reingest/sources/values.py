"""Values that JSON has no type for, as the text that PostgreSQL reads."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID


class Number(float):
    """A number with a fraction or an exponent as JSON has it: all its digits are in ``text``."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Number:  # noqa: PYI034 - Self is not in Python 3.9
        """Make it of the number's text."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def plain(value: Any) -> Any:  # noqa: ANN401 - any type of a source
    r"""Return the value as JSON's types: texts for dates, times, decimals, bytes and the like.

    Dates and times are ISO 8601 with their offset, decimals keep their digits, bytes are ``\x`` and hex as
    bytea has them, spans of time are ISO 8601 durations, and numbers that are none are ``NaN``, ``Infinity``
    and ``-Infinity``.

    Raises:
        ValueError: a type that PostgreSQL has no text for.
    """
    kind = type(value)
    if value is None or kind in (str, int, bool):
        return value
    if kind is float:
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, Mapping):
        return {key if type(key) is str else _key(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return _duration(value)
    if isinstance(value, Decimal):
        if value.is_nan():  # one that signals, or carries a payload, is no other number
            return "NaN"
        return format(value, "f") if value.is_finite() else _not_finite(float(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\x" + bytes(value).hex()
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return plain(base(value))
    if isinstance(value, UUID):
        return str(value)
    raise ValueError(f"a value of type {kind.__name__} has no text that PostgreSQL reads")


def _key(key: Any) -> str:  # noqa: ANN401 - any type of a source
    text = plain(key)
    return text if isinstance(text, str) else str(text)


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _duration(value: datetime.timedelta) -> str:
    sign = "-" if value.days < 0 else ""
    value = abs(value)
    fraction = f".{value.microseconds:06d}" if value.microseconds else ""
    return f"P{sign}{value.days}DT{sign}{value.seconds}{fraction}S"
