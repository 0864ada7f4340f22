"""How the values of a column are written, where PostgreSQL reads another form: numbers, dates and times."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any, Callable

from .document import Section

FORM_KEYS = ("decimal", "thousands", "format")
_MARKS = re.compile(r"[^\w+\-]", re.ASCII)
_MONTHS = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "MAY",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
]
_SHORT = [month[:3] for month in _MONTHS]
# PostgreSQL's own patterns of to_date and to_timestamp, the longest first.
_PATTERNS = {
    "MONTH": ("month_name", f"(?P<month_name>{'|'.join(_MONTHS)})"),
    "YYYY": ("year", r"(?P<year>\d{4})"),
    "HH24": ("hour", r"(?P<hour>\d{1,2})"),
    "HH12": ("hour12", r"(?P<hour12>\d{1,2})"),
    "MON": ("month_short", f"(?P<month_short>{'|'.join(_SHORT)})"),
    "YY": ("year2", r"(?P<year2>\d{2})"),
    "MM": ("month", r"(?P<month>\d{1,2})"),
    "DD": ("day", r"(?P<day>\d{1,2})"),
    "MI": ("minute", r"(?P<minute>\d{1,2})"),
    "SS": ("second", r"(?P<second>\d{1,2})"),
    "US": ("fraction", r"(?P<fraction>\d{1,6})"),
    "MS": ("fraction", r"(?P<fraction>\d{1,3})"),
    "AM": ("half", r"(?P<half>AM|PM)"),
    "PM": ("half", r"(?P<half>AM|PM)"),
}
_TOKEN = re.compile(rf"{'|'.join(_PATTERNS)}|\"[^\"]*\"|[^A-Za-z0-9\"]")
_PIVOT = 70  # two digits of a year from here on are of the last century, as in PostgreSQL
_HALF_DAY = 12


class UnwrittenError(ValueError):
    """A value is not written in the declared form."""


@dataclass(frozen=True)
class ColumnForm:
    """How numbers are written, or dates and times: ``format`` is PostgreSQL's pattern; empty: as it is."""

    decimal: str = ""
    thousands: str = ""
    format: str = ""

    def __str__(self) -> str:
        """Return it as the dataset has it."""
        given = ((key, getattr(self, key)) for key in FORM_KEYS)
        return ", ".join(f"{key}: {value!r}" for key, value in given if value)

    def reader(self) -> Callable[[Any], Any]:
        """Return what makes the text that PostgreSQL reads of a text in this form; other values stay.

        It raises an ``UnwrittenError`` for a text in another form.
        """
        read = (
            _time_reader(self.format) if self.format else _number_reader(self.decimal or ".", self.thousands)
        )
        return lambda value: read(value) if type(value) is str else value


def read_column_form(section: Section) -> ColumnForm | None:
    """Return what a column's section declares; None: nothing.

    Raises:
        Refusal: a key has a value that means nothing, or two do not go together.
    """
    given = [key for key in FORM_KEYS if key in section]
    if not given:
        return None
    form = ColumnForm(**{key: section.text(key) for key in given})
    if form.format and len(given) > 1:
        raise section.refusal("a value is a number, or a date or time: declare one of the two", given[0])
    for key in ("decimal", "thousands"):
        if key in section and (len(section.text(key)) != 1 or not _MARKS.fullmatch(section.text(key))):
            raise section.refusal("must be one character, and no letter, digit or sign", key)
    if form.thousands and form.thousands == (form.decimal or "."):
        raise section.refusal("is the decimal mark, too: declare another `decimal:`", "thousands")
    if "format" in section:
        fault = _fault(form.format)
        if fault:
            raise section.refusal(fault, "format")
    return form


def _fault(pattern: str) -> str:
    """Return what is wrong with a pattern of dates; empty: nothing."""
    left = _TOKEN.sub("", pattern)
    if left or not pattern:
        known = ", ".join(_PATTERNS)
        told = f"{pattern!r} has {left!r}" if left else "it is empty"
        return f"{told}: patterns are {known}; put other words into double quotes"
    parts = [_PATTERNS[token][0] for token in _TOKEN.findall(pattern) if token in _PATTERNS]
    kinds = [part.split("_")[0].rstrip("12") for part in parts]
    if len(set(kinds)) < len(kinds):
        return f"{pattern!r} names a part of the date twice"
    if not {"year", "month", "day"} <= set(kinds):
        return f"{pattern!r} must name year, month and day, as in DD-MON-YYYY"
    if ("hour12" in parts) != ("half" in parts):
        return f"{pattern!r} must have AM with HH12, and only with it"
    return ""


def _number_reader(decimal: str, thousands: str) -> Callable[[str], str]:
    whole = r"\d+"
    if thousands:
        whole = rf"(?:\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+|\d+)"
    form = re.compile(
        rf"\s*[+-]?(?:{whole}(?:{re.escape(decimal)}\d*)?|{re.escape(decimal)}\d+)(?:[eE][+-]?\d+)?\s*",
        re.ASCII,
    )

    def read(text: str) -> str:
        if not form.fullmatch(text):
            raise UnwrittenError(
                f"not a number with {decimal!r} before its fraction"
                + (f" and {thousands!r} between thousands" if thousands else "")
            )
        return text.replace(thousands, "").replace(decimal, ".") if thousands else text.replace(decimal, ".")

    return read


def _time_reader(pattern: str) -> Callable[[str], str]:
    form = re.compile(_expression(pattern), re.IGNORECASE | re.ASCII)

    def read(text: str) -> str:
        found = form.fullmatch(text.strip())
        if found is None:
            raise UnwrittenError(f"not written as {pattern}")
        parts = found.groupdict()
        try:
            day = datetime.date(_year(parts), _month(parts), int(parts["day"]))
            if not parts.keys() & {"hour", "hour12", "minute", "second", "fraction"}:
                return day.isoformat()
            clock = datetime.time(
                _hour(parts),
                int(parts.get("minute") or 0),
                int(parts.get("second") or 0),
                int((parts.get("fraction") or "0").ljust(6, "0")),
            )
        except ValueError as error:
            raise UnwrittenError(f"no date of the calendar by {pattern}: {error}") from error
        return f"{day.isoformat()} {clock.isoformat()}"

    return read


def _expression(pattern: str) -> str:
    """Return the regular expression of a pattern; digits next to each other have their full number."""
    tokens = _TOKEN.findall(pattern)
    made = []
    for at, token in enumerate(tokens):
        if token not in _PATTERNS:
            made.append(re.escape(token.strip('"')))
            continue
        expression = _PATTERNS[token][1]
        if any(_is_number(one) for one in (*tokens[max(0, at - 1) : at], *tokens[at + 1 : at + 2])):
            expression = expression.replace("{1,2}", "{2}")
        made.append(expression)
    return "".join(made)


def _is_number(token: str) -> bool:
    return token in _PATTERNS and not _PATTERNS[token][0].startswith(("month_", "half"))


def _year(parts: dict[str, str | Any]) -> int:
    if "year" in parts:
        return int(parts["year"])
    year = int(parts["year2"])
    return year + (1900 if year >= _PIVOT else 2000)


def _month(parts: dict[str, str | Any]) -> int:
    if "month_name" in parts:
        return _MONTHS.index(parts["month_name"].upper()) + 1
    if "month_short" in parts:
        return _SHORT.index(parts["month_short"].upper()) + 1
    return int(parts["month"])


def _hour(parts: dict[str, str | Any]) -> int:
    if "hour12" not in parts:
        return int(parts.get("hour") or 0)
    hour = int(parts["hour12"])
    if not 1 <= hour <= _HALF_DAY:
        raise ValueError(f"hour {hour} is none of 1 to 12")
    return hour % _HALF_DAY + (_HALF_DAY if parts["half"].upper() == "PM" else 0)
