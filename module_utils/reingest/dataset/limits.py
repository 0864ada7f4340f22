"""How far rows may differ from production's before it is a finding: the limits of a dataset.

Each is a fraction of what production has (docs/profile.md says of what). One that nobody declares has a
default, which is meant for tables and columns that are large enough for a fraction to mean something.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .document import Section

SHRINK, GROWTH, LOST, DISK = "shrink", "growth", "lost", "disk"
EMPTIED, FILLED, SHORTENED, RANGE, VANISHED = "emptied", "filled", "shortened", "range", "vanished"
OF_TABLES = (SHRINK, GROWTH, LOST, DISK)
OF_COLUMNS = (EMPTIED, FILLED, SHORTENED, RANGE, VANISHED)
LIMITS = (*OF_TABLES, *OF_COLUMNS)
_ANY = "any"  # no limit
_MORE_THAN_ALL = frozenset({GROWTH, DISK, RANGE})  # a percentage of what grows has no end
_DEFAULTS = {
    SHRINK: 0.05,
    GROWTH: 1.0,
    LOST: 0.05,
    DISK: 1.0,
    EMPTIED: 0.2,
    FILLED: 0.99,
    SHORTENED: 0.5,
    RANGE: 10.0,
    VANISHED: 0.01,
}


@dataclass(frozen=True)
class Limit:
    """One limit; ``declared`` where the dataset says it, so that it holds for small tables, too."""

    fraction: float
    declared: bool

    @property
    def shown(self) -> str:
        """Return it as the dataset has it."""
        return _ANY if math.isinf(self.fraction) else f"{self.fraction * 100:g}%"


@dataclass(frozen=True)
class Limits:
    """What a table declares: for itself and all its columns, and for single columns.

    ``profiled``: whether its rows are looked at, or only counted; ``left_out`` are columns of which nothing
    is read.
    """

    own: Mapping[str, float] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    profiled: bool = True

    def limit(self, kind: str, whole: Mapping[str, float], column: str = "") -> Limit:
        """Return the limit of a kind, of the table or of one of its columns.

        Args:
            kind: one of this file's names.
            whole: what the dataset declares for all tables.
            column: the column's name.
        """
        for declared in (self.columns.get(column, {}), self.own, whole):
            if kind in declared:
                return Limit(declared[kind], declared=True)
        return Limit(_DEFAULTS[kind], declared=False)


def read_limits(section: Section, kinds: Sequence[str] = LIMITS) -> dict[str, float]:
    """Return the limits that a section declares.

    Raises:
        Refusal: one is neither a percentage nor ``any``.
    """
    return {kind: _limit(section, kind) for kind in kinds if kind in section}


def read_table_limits(section: Section) -> Limits:
    """Return what a table's section declares: its limits, and under ``profile`` those of its columns.

    Raises:
        Refusal: a limit is none, or ``profile`` is neither ``false`` nor about columns.
    """
    own = read_limits(section)
    if "profile" not in section or section.value("profile") is True:
        return Limits(own)
    if section.value("profile") is False:
        return Limits(own, profiled=False)
    profile = section.section("profile")
    columns, left_out = {}, set()
    for name in profile.keys():  # noqa: SIM118 - a Section is no dict
        if profile.value(name) is False:
            left_out.add(name)
            continue
        column = profile.section(name)
        column.only(OF_COLUMNS)
        columns[name] = read_limits(column, OF_COLUMNS)
    return Limits(own, columns, frozenset(left_out))


def _limit(section: Section, kind: str) -> float:
    if section.value(kind) == _ANY:
        return math.inf
    found = section.fraction(kind, most=math.inf if kind in _MORE_THAN_ALL else 1)
    return math.inf if found is None else found
