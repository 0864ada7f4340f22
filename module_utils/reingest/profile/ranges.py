"""From where to where a column's numbers or times reach, compared with production's."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

from ..dataset.limits import Limit
from .model import NUMBER, TIME, ColumnProfile

_TIMES = Decimal(
    1
)  # the default of times: beyond production's first and last by no more than what is between
_YEAR_S = 365 * 86_400


def range_change(before: ColumnProfile, now: ColumnProfile, limit: Limit) -> str:
    """Return how a range changed by more than a limit, as a clause; empty where it did not, or has none.

    Numbers may reach further, at either end, by so many times what production's range is wide, and may lie no
    closer together than by that factor; beside production's they must not lie. Times may reach further only,
    by default once, as each release has later ones, and by a year in any case.
    """
    was, is_ = _range(before), _range(now)
    if was is None or is_ is None or was[0] == was[1]:
        return ""
    width, width_now = was[1] - was[0], is_[1] - is_[0]
    further = max(was[0] - is_[0], is_[1] - was[1])
    if before.kind == TIME:
        most = Decimal(limit.fraction) if limit.declared else _TIMES
        shown = limit.shown if limit.declared else "100%"
        if further > most * width and further > _YEAR_S:
            return f"further by {further / width:.0%} of its length, and {shown} is the limit"
        return ""
    most = Decimal(limit.fraction)
    if further > most * width:
        return f"further by {further / width:.0%} of its length, and {limit.shown} is the limit"
    if most.is_infinite():
        return ""
    if is_[0] > was[1] or is_[1] < was[0]:
        return "none of its values lies in between"
    if width_now * (1 + most) < width:
        return f"it is {width_now / width:.1%} as long, and the limit is {1 / (1 + most):.1%}"
    return ""


def _range(column: ColumnProfile) -> tuple[Decimal, Decimal] | None:
    read = {NUMBER: _number, TIME: _seconds}.get(column.kind)
    if read is None or column.minimum is None or column.maximum is None:
        return None
    ends = read(column.minimum), read(column.maximum)
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _seconds(text: str) -> Decimal | None:
    """Return a time as seconds; None for one that Python does not know (infinity, BC, after 9999)."""
    try:
        time = datetime.fromisoformat(text[: len("2026-01-01 00:00:00")])
    except ValueError:
        return None
    return Decimal(int((time - datetime(1, 1, 1)).total_seconds()))  # noqa: DTZ001 - both are UTC
