"""How values are shown on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_NOISE = frozenset({"type", "uriorcurie"})  # the record's class, not a fact about it


class Page(NamedTuple):
    """A part of a long list: its number (from 1), the rows a page, and the rows of the whole list."""

    number: int
    size: int
    total: int

    @classmethod
    def wanted(cls, number: str | None, size: int, total: int) -> Page:
        """Take the number from a query string: anything else than an existing page is the nearest one."""
        digits = (number or "").strip()
        wanted = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else 1
        return cls(min(max(wanted, 1), max(-(-total // size), 1)), size, total)

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(-(-self.total // self.size), 1)

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.number - 1) * self.size

    @property
    def first_row(self) -> int:
        """Number of the page's first row, from 1; 0 in an empty list."""
        return min(self.offset + 1, self.total)

    @property
    def last_row(self) -> int:
        """Number of the page's last row."""
        return min(self.offset + self.size, self.total)


def grouped(number: int) -> str:
    """Return a number with its thousands set apart: ``33,156``."""
    return f"{number:,}"


def size(count: int) -> str:
    """Return a number of bytes in a unit a person reads: ``11.9 GB``."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{count:,} {_UNITS[0]}" if unit == 0 else f"{value:.3g} {_UNITS[unit]}"


def facts(annotations: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Flatten a record's annotations to (label, value); a structured value is shown by its raw text."""
    found = []
    for key in sorted(set(annotations) - _NOISE):
        value = annotations[key]
        if isinstance(value, Mapping):
            value = value.get("has_raw_value")
        if isinstance(value, list):
            value = ", ".join(str(element) for element in value if not isinstance(element, (Mapping, list)))
        if value not in (None, ""):
            found.append((key.replace("_", " ").capitalize(), str(value)))
    return found
