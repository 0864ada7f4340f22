"""Source-owned tables beside production's, by their profiles: each table is read once on each server."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg2 import sql

from ..dataset.limits import LOST
from ..dataset.model import Dataset, Table
from ..dataset.owners import SOURCE
from ..disclosure.printable import printable
from ..frame.finding import Finding
from ..ownership.catalog import Catalog
from ..profile.compare import Pair, compared
from ..profile.keys import Keys, merged_keys, sorted_keys
from ..profile.model import NUMBER, TIME, ColumnProfile, TableProfile
from ..profile.statistics import vanished_values
from .side import Side


def profiled(dataset: Dataset) -> dict[str, frozenset[str]]:
    """Return the tables whose rows are looked at, each with the columns that are left out."""
    return {
        table.name: table.limits.left_out
        for table in dataset.tables
        if table.owner == SOURCE and table.limits.profiled
    }


def idle_limits(dataset: Dataset, staging: Side) -> list[str]:
    """Return the columns under `profile:` that no table has, as warnings."""
    return [
        f"profile: table {table.name} of {dataset.file} has no column {printable(name)}"
        for table in dataset.tables
        if table.name in staging.shapes
        for name in sorted({*table.limits.columns, *table.limits.left_out})
        if name not in staging.shapes[table.name].columns
    ]


@dataclass(frozen=True)
class Profiles:
    """The profiles of both servers, and what is compared by them."""

    dataset: Dataset
    staging: Side
    production: Side
    made: Catalog
    pairs: dict[str, Pair] = field(default_factory=dict)  # as far as they were compared

    def findings(self, table: Table) -> Iterator[Finding]:
        """Yield how a table differs from production's by more than its limits."""
        if table.name not in self.production.tables:
            return
        pair = self.pairs[table.name] = self._pair(table)
        yield from compared(pair)

    def _pair(self, table: Table) -> Pair:
        name = table.name
        before, now = self.production.profile(name), self.staging.profile(name)
        vanished = {}
        if before.rows and now.rows and name in self.staging.shapes:
            shape = self.staging.shapes[name]
            vanished = vanished_values(self.staging.scanning, shape, before, now)
        return Pair(
            name,
            before,
            now,
            table.limits,
            self.dataset.limits,
            self._keys(table, before, now),
            vanished,
            {column.name: " or ".join(column.paths) for column in table.columns if not column.is_rest},
            self._numbered(name),
            frozenset(column for one in self.made.references if one.table == name for column in one.columns),
        )

    def _keys(self, table: Table, before: TableProfile, now: TableProfile) -> Keys | None:
        """Return which keys both have; None where they cannot be compared, or it does not matter."""
        name = table.name
        if before.keys is None or now.keys is None or before.key != now.key:
            return None
        if before.keys == now.keys and before.rows == now.rows:
            return Keys(now.rows, 0, 0)
        limit = table.limits.limit(LOST, self.dataset.limits)
        columns = self.made.tables[name].columns
        if math.isinf(limit.fraction) or any(columns[column].numbered for column in now.key):
            return None
        key = [sql.Identifier("c", column) for column in now.key]
        sides = (self.production, self.staging)
        return merged_keys(*(sorted_keys(one.scanning, one.shapes[name].own, key) for one in sides))

    def _numbered(self, name: str) -> frozenset[str]:
        """Return the columns that are keys, or that a sequence fills: their numbers count nothing."""
        table = self.made.tables.get(name)
        own = {column.name for column in table.columns.values() if column.numbered} if table else set()
        return frozenset({*own, *self.staging.profile(name).key})


def as_values(pair: Pair, *, kept: bool) -> dict[str, Any]:
    """Return both profiles of a table for the report, of columns those that differ; without values of texts.

    Args:
        pair: what was compared.
        kept: whether production's profile is the one that was made when it was loaded.
    """
    keys, before, now = pair.keys, pair.before, pair.now
    both = {
        name: (_shown(column, now.rows), _shown(before.columns[name], before.rows))
        for name, column in now.columns.items()
        if name in before.columns
    }
    columns = {name: {"now": new, "before": old} for name, (new, old) in both.items() if new != old}
    return {
        "rows": now.rows,
        "rows_before": before.rows,
        "keys_lost": None if keys is None else keys.only_before,
        "keys_new": None if keys is None else keys.only_now,
        "disk": now.disk,
        "disk_before": before.disk,
        "kept": kept,
        "columns": columns,
    }


def _shown(column: ColumnProfile, rows: int) -> Mapping[str, Any]:
    ends = column.kind in (NUMBER, TIME)
    size = column.text_bytes if column.text_bytes is not None else column.stored_bytes
    return {
        "filled": column.non_null / rows if rows else None,
        "bytes": size,
        "distinct": column.distinct,
        **({"minimum": column.minimum, "maximum": column.maximum} if ends else {}),
    }
