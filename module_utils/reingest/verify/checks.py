"""The checks that a dataset asks for, planned before any of them is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..dataset.limits import SHRINK
from ..dataset.model import Check, Dataset, Table
from ..dataset.owners import PORTAL, SOURCE
from .type_oids import OIDS

COUNT, EMPTY, SQL, SCHEMA, ROLE = "count", "empty", "sql", "schema", "role"
PROFILE = "profile"  # what it finds has the name of the limit: `shrink:<table>`, `emptied:<table>.<column>`
CARRIED, EDITED, TABLES = "carried", "edited", "tables"  # what they find is a finding `schema:<table>`, too
WHOLE, CLUSTER, OBJECTS = "whole", "cluster", "object"


@dataclass(frozen=True)
class PlannedCheck:
    """One check; ``table`` or ``query`` is what it looks at."""

    kind: str
    clause: str  # what must hold, of the table where there is one: "is not empty"
    table: Table | None = None
    query: Check | None = None

    @property
    def sentence(self) -> str:
        """Return the check as a sentence."""
        return f"check that {f'table {self.table.name} ' if self.table else ''}{self.clause}"


def plan_checks(
    dataset: Dataset, *, against_production: bool, held: bool = False
) -> tuple[PlannedCheck, ...]:
    """Return the checks in the order in which they are made.

    Args:
        dataset: the dataset.
        against_production: whether there is a production to compare with.
        held: whether the portal stays as it is while it is switched, and remembers types of production.
    """
    checks: list[PlannedCheck] = []
    for table in dataset.tables:
        if table.owner != PORTAL:  # the switch gives it production's rows
            checks.append(PlannedCheck(COUNT, "holds the rows that were loaded", table))
        if table.owner == SOURCE and (table.required or against_production):
            clause = "is not empty" if table.required else "is not empty where production's is not"
            checks.append(PlannedCheck(EMPTY, clause, table))
        if against_production:
            checks.extend(_against_production(dataset, table))
    if against_production:
        checks.append(PlannedCheck(TABLES, "the staging server has all of production's tables"))
        checks.append(PlannedCheck(ROLE, "the staging server has production's roles"))
        checks.append(
            PlannedCheck(OBJECTS, "nothing that production has beside rows is missing or different")
        )
        if held:
            checks.append(
                PlannedCheck(OIDS, "its types have production's OIDs, which a held portal remembers")
            )
        checks.append(PlannedCheck(CLUSTER, "nothing else of production's cluster is lost or broken"))
    checks.append(
        PlannedCheck(
            WHOLE, "nothing is unpopulated, invalid, disabled, unlogged or of another version's collation"
        )
    )
    checks.extend(PlannedCheck(SQL, check.name, query=check) for check in dataset.checks)
    return tuple(checks)


def summary(checks: Sequence[PlannedCheck]) -> list[str]:
    """Return the checks as sentences, with one sentence for all that are made of a table."""
    clauses: dict[str, list[str]] = {}
    for check in checks:
        about = f"table {check.table.name} " if check.table else f"{check.clause}"
        clauses.setdefault(about, []).append(check.clause if check.table else "")
    return [f"check that {about}{', '.join(parts)}" for about, parts in clauses.items()]


def _against_production(dataset: Dataset, table: Table) -> list[PlannedCheck]:
    if table.owner == PORTAL:
        return [PlannedCheck(CARRIED, "takes all rows that production has", table)]
    if table.owner != SOURCE:
        return [
            PlannedCheck(SCHEMA, "has production's columns", table),
            PlannedCheck(EDITED, "has production's rows", table),
        ]
    limit = table.limits.limit(SHRINK, dataset.limits)
    what = "and no column has changed beyond its limits" if table.limits.profiled else "beyond its limit"
    clause = f"has not shrunk by more than {limit.shown}, {what}"
    return [PlannedCheck(PROFILE, clause, table)]
