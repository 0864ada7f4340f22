"""Texts that are already as PostgreSQL would write the value: they need not be asked of it.

Forms are those of ``DateStyle`` ISO, which every session has. That a date exists, or a number fits, is not
told here: the server refuses the row where it does not. Each looks at the fields of a whole block in a few
calls.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from typing import Callable

from .copy_text import NULL

DOUBLE = "double precision"
Told = Callable[[str], bool]

_ONE_DIGIT = str.maketrans("123456789", "0" * 9)
_NULL_LINE = f"{NULL}\n"
TIMES = ("timestamp without time zone", "timestamp with time zone")
_SHAPES = {
    "date": "0000-00-00",
    "timestamp without time zone": "0000-00-00 00:00:00",
    "timestamp with time zone": "0000-00-00 00:00:00+00",
}
_ZONED = "timestamp with time zone"
_UTC = ("UTC", "Etc/UTC", "GMT", "Etc/GMT")
_WHOLE = ("smallint", "integer", "bigint")
_leading_zero = re.compile(r"^-?0[0-9]", re.MULTILINE).search
_all_numeric = re.compile(r"(?:(?:-?[1-9][0-9]*(?:\.[0-9]+)?|0(?:\.[0-9]+)?)\n)*").fullmatch
_all_double = re.compile(
    r"(?:-?(?!0\.0000)(?:0|[1-9][0-9]{0,13})(?:\.[0-9]*[1-9])?\n)*"  # smaller ones get an exponent
).fullmatch
_LONGEST_DOUBLE = 16  # with its point
_all_uuid = re.compile(r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\n)*").fullmatch
_DIGITS = 16  # of a double's bits


def written_form(type_: str, zone: str) -> Told | None:
    """Return what tells of fields, joined with line ends, that all are in the type's form or NULL.

    Args:
        type_: the type as ``format_type`` has it.
        zone: the session's time zone: a time with a zone is written in it.
    """
    told: dict[str, Told] = {
        **dict.fromkeys(_WHOLE, _whole),
        "numeric": lambda text: _all_numeric(text) is not None,
        DOUBLE: _plain_double,
        "uuid": lambda text: _all_uuid(text) is not None,
        "date": lambda text: _shaped(text, "date"),
        "timestamp without time zone": lambda text: _shaped(text, "timestamp without time zone"),
    }
    if zone in _UTC:
        told[_ZONED] = lambda text: _shaped(text, _ZONED) and text.count("+00\n") == text.count("\n")
    return _but_for_null(told[type_]) if type_ in told else None


def written_times(fields: Sequence[str], type_: str, told: Told) -> Sequence[str] | None:
    """Return times as PostgreSQL writes them, those of ISO 8601 with their T and Z changed; None for others.

    ``told`` is what ``written_form`` returned for the type.
    """
    text = "\n".join(fields)
    if told(text):
        return fields
    if type_ == _ZONED:
        text = text.replace("Z", "+00")
    text = text.replace("T", " ")
    return text.split("\n") if told(text) else None


def double_bits(fields: Sequence[str]) -> Sequence[str] | None:
    """Return the bits of each number in hexadecimal, and NULL as it is; None where one is no number."""
    given = [field for field in fields if field != NULL] if NULL in fields else fields
    try:
        numbers = list(map(float, given))
    except ValueError:
        return None
    if not math.isfinite(sum(numbers)):  # one is infinite or no number, or all together are too large
        return None
    bits = struct.pack(f">{len(numbers)}d", *numbers).hex()
    found = [bits[at : at + _DIGITS] for at in range(0, len(bits), _DIGITS)]
    if given is fields:
        return found
    each = iter(found)
    return [NULL if field == NULL else next(each) for field in fields]


def _but_for_null(told: Told) -> Told:
    def told_of(text: str) -> bool:
        text += "\n"
        return told(text.replace(_NULL_LINE, "") if _NULL_LINE in text else text)

    return told_of


def _whole(text: str) -> bool:
    digits = text.replace("\n", "").replace("-", "")
    if digits and not digits.isdigit():
        return False
    return "-0" not in text and not (_leading_zero(text) if "\n0" in text or text[:1] == "0" else None)


def _plain_double(text: str) -> bool:
    """Return whether all are short decimals: 15 digits are told apart by a double, and written back."""
    return _all_double(text) is not None and max(map(len, text.split("\n"))) <= _LONGEST_DOUBLE


def _shaped(text: str, type_: str) -> bool:
    """Return whether all have the shape, and no hour or second that PostgreSQL writes as the next one's."""
    if text.translate(_ONE_DIGIT) != f"{_SHAPES[type_]}\n" * text.count("\n"):
        return False
    return " 24:" not in text and ":60" not in text
