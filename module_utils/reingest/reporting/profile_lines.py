"""The profiles of a load beside production's, as lines of the report.

They come from the worker's step: whatever is not as it should be stands there as nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SHARE = 0.01  # by how much a column's filled rows differ at least, to be a line
_MOST = 20  # columns; report.json has all that differ


def profile_lines(profiles: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each table that was compared, and one for each column that is filled otherwise."""
    if not profiles:
        return []
    head = f"{'table':<24} {'rows':>12} {'production':>12} {'keys lost':>10} {'keys new':>10} {'MB':>9}"
    lines = [f"{head} {'production':>10}"]
    lines += [_table(name, table) for name, table in profiles.items()]
    columns = sorted(_columns(profiles), reverse=True)
    if columns:
        lines.append(f"{'column':<42} {'filled':>7} {'production':>10}")
        lines += [f"{name:<42} {now:>7.1%} {before:>10.1%}" for _, name, now, before in columns[:_MOST]]
    if len(columns) > _MOST:
        lines.append(f"and {len(columns) - _MOST} more columns: report.json")
    return lines


def _table(name: str, table: Mapping[str, Any]) -> str:
    rows, before, lost, new = (_whole(table, key) for key in ("rows", "rows_before", "keys_lost", "keys_new"))
    disk, disk_before = (_megabytes(table, key) for key in ("disk", "disk_before"))
    return f"{name:<24} {rows:>12} {before:>12} {lost:>10} {new:>10} {disk:>9} {disk_before:>10}"


def _whole(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return f"{value:,}" if isinstance(value, int) else "-"


def _megabytes(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return f"{value / 1e6:,.1f}" if isinstance(value, int) else "-"


def _columns(profiles: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[float, str, float, float]]:
    """Yield the columns whose rows are filled otherwise, with by how much."""
    for table, profile in profiles.items():
        columns = profile.get("columns")
        for name, column in columns.items() if isinstance(columns, Mapping) else ():
            now, before = (_filled(column, key) for key in ("now", "before"))
            if now is not None and before is not None and abs(now - before) >= _SHARE:
                yield abs(now - before), f"{table}.{name}", now, before


def _filled(column: Any, key: str) -> float | None:  # noqa: ANN401 - whatever stands there
    one = column.get(key) if isinstance(column, Mapping) else None
    value = one.get("filled") if isinstance(one, Mapping) else None
    return value if isinstance(value, float) else None
