"""Figures of a table or of its sources, as values: comparable, and as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Union

from .kinds import GREATEST, LEAST, Kind
from .part import STRICT

Number = Union[Decimal, float]


@dataclass(frozen=True)
class ColumnFigures:
    """One column.

    Args:
        values: how many are not NULL.
        made: of how many of them the compared value could be made.
        figures: by the names that its kind has, None where there is no value; empty where only NULLs are
            counted.
        why_not: why no more is compared than how many are not NULL; or empty.
    """

    values: int
    made: int
    figures: Mapping[str, str | None]
    why_not: str = ""

    @staticmethod
    def found(names: Iterable[str], answer: Sequence[str | None], why_not: str = "") -> ColumnFigures:
        """Return what an engine answered: both counts, and the figures of these names."""
        values, made, *figures = answer
        return ColumnFigures(int(values or 0), int(made or 0), dict(zip(names, figures)), why_not)


@dataclass(frozen=True)
class Figures:
    """A table, or its sources: rows, those that may be none, the figure of whole rows, and the columns.

    ``mode`` is how a text was held to its form (``part``).
    """

    rows: int
    perhaps: int
    whole: str | None
    columns: Mapping[str, ColumnFigures]
    mode: str = STRICT


def plain(figures: Figures) -> dict[str, Any]:
    """Return them as JSON has them."""
    return {**vars(figures), "columns": {name: vars(column) for name, column in figures.columns.items()}}


def from_plain(value: Mapping[str, Any]) -> Figures:
    """Return what ``plain`` returned."""
    columns = {name: ColumnFigures(**column) for name, column in value["columns"].items()}
    return Figures(value["rows"], value["perhaps"], value["whole"], columns, value["mode"])


def comparable(kind: Kind, how: str, text: str | None) -> bytes | Number | None:
    """Return a figure as it is compared."""
    if text is None:
        return None
    if how not in (LEAST, GREATEST) or not (kind.texts or kind.name in ("number", "time")):
        return Decimal(text)
    return text.encode("utf-8") if kind.texts else float(text)
