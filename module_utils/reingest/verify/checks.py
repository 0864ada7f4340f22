"""The checks that a dataset asks for, planned before any of them is made."""

from __future__ import annotations

from dataclasses import dataclass

from ..dataset.model import PORTAL, SOURCE, Check, Dataset, Table

COUNT, EMPTY, SHRINK, SQL, SCHEMA, LOST, ROLE = "count", "empty", "shrink", "sql", "schema", "portal", "role"


@dataclass(frozen=True)
class PlannedCheck:
    """One check; ``table`` or ``query`` is what it looks at, ``limit`` a fraction."""

    kind: str
    sentence: str
    table: Table | None = None
    query: Check | None = None
    limit: float = 0.0


@dataclass(frozen=True)
class Finding:
    """What is not as it should be: ``kind:subject``, what was found, and what to do."""

    name: str
    message: str
    remedy: str


def plan_checks(dataset: Dataset, *, against_production: bool) -> tuple[PlannedCheck, ...]:
    """Return the checks in the order in which they are made."""
    checks: list[PlannedCheck] = []
    for table in dataset.tables:
        name = table.name
        checks.append(PlannedCheck(COUNT, f"check that table {name} holds the rows that were loaded", table))
        if table.owner == SOURCE:
            checks.append(PlannedCheck(EMPTY, f"check that table {name} is not empty", table))
        if against_production:
            checks.extend(_against_production(dataset, table))
    if against_production:
        checks.append(PlannedCheck(SCHEMA, "check that the staging server has all of production's tables"))
        checks.append(PlannedCheck(ROLE, "check that the staging server has all of production's roles"))
    checks.extend(PlannedCheck(SQL, f"check that {check.name}", query=check) for check in dataset.checks)
    return tuple(checks)


def _against_production(dataset: Dataset, table: Table) -> list[PlannedCheck]:
    if table.owner != SOURCE:
        checks = [PlannedCheck(SCHEMA, f"check that table {table.name} has production's columns", table)]
        if table.owner == PORTAL:
            sentence = f"check that no row of production's table {table.name} is lost"
            checks.append(PlannedCheck(LOST, sentence, table))
        return checks
    limit = dataset.shrink if table.shrink is None else table.shrink
    if limit is None:
        return []
    sentence = f"check that table {table.name} has not shrunk by more than {limit * 100:g}%"
    return [PlannedCheck(SHRINK, sentence, table, limit=limit)]
