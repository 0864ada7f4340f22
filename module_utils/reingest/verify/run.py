"""Make the planned checks: staging against its own load, the dataset's queries, and production."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from ..dataset.model import Check, Dataset, Table
from ..dataset.owners import SOURCE
from ..errors import Refusal
from ..frame.bring import role_findings
from ..frame.cluster import cluster_findings
from ..frame.finding import Finding
from ..frame.outside import shared_archive
from ..load.provenance import LoadRecord, read_record
from ..load.script import database_reason
from ..load.server import inspect_server
from ..postgres.dsn import address
from ..postgres.locks import LOCK_WAIT_S, locked_tables
from ..profile.kept import KeptProfiles
from ..profile.model import TableProfile
from .both_sides import BothSides, PortalRows, open_both
from .checks import (
    CARRIED,
    CLUSTER,
    COUNT,
    EDITED,
    EMPTY,
    OBJECTS,
    PROFILE,
    ROLE,
    SCHEMA,
    SQL,
    TABLES,
    WHOLE,
    PlannedCheck,
)
from .new_tables import new_tables
from .objects import Objects, look_at_objects
from .profiles import Profiles, as_values, idle_limits, profiled
from .side import Side, reading, scan_both
from .type_oids import OIDS, oid_findings
from .whole import whole_findings


@dataclass(frozen=True)
class Verification:
    """What was found, the rows of each table in the staging server, and those of users in production."""

    findings: tuple[Finding, ...]
    counts: dict[str, int]
    portal_rows: tuple[PortalRows, ...] = ()
    empty: str = ""  # how many tables are empty that may be, as a sentence
    objects: Objects | None = None
    profiles: KeptProfiles | None = None  # of the load, to be kept with it
    compared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by table, for the report
    warnings: tuple[str, ...] = ()


def run_checks(
    dataset: Dataset,
    checks: Sequence[PlannedCheck],
    *,
    staging_dsn: str,
    production_dsn: str,
    kept: KeptProfiles | None = None,
) -> Verification:
    """Make all checks and return all findings; changes nothing.

    Args:
        dataset: the dataset that was loaded.
        checks: what ``plan_checks`` returned.
        staging_dsn: the server that has the load.
        production_dsn: the server to compare with; empty where there is none.
        kept: the profiles that were made of production when it was loaded.

    Raises:
        Refusal: the staging server has no finished load, or a server does not answer.
    """
    record = inspect_server(staging_dsn, dataset.database).record
    if record is None or not record.finished:
        what = f"the load {record.snapshot} did not come to its end" if record else "no load made it"
        raise Refusal(
            f"{address(staging_dsn)} has no finished load of {dataset.database} ({what}): load first"
        )
    with _told_of_locks(dataset.database, production_dsn, staging_dsn), ExitStack() as stack:
        staging = Side(stack, staging_dsn, dataset.database, workers=_cores() - 1, dataset=dataset)
        production = sides = profiles = None
        if production_dsn:  # which serves: its scan gets one process
            production = Side(stack, production_dsn, dataset.database, workers=0)
            sides = open_both(stack, dataset, staging_dsn, production_dsn)
            profiles = Profiles(dataset, staging, production, sides.made)
        asked = profiled(dataset)
        scan_both(staging, production, asked, _holding(kept, production, asked))
        run = _Run(dataset, record, staging, production, sides, profiles, staging_dsn, production_dsn)
        findings = [finding for check in checks for finding in run.findings(check)]
        objects = None
        if sides is not None and any(check.kind == OBJECTS for check in checks):
            objects = look_at_objects(dataset, staging_dsn, production_dsn)
            findings += objects.findings({finding.name for finding in findings}, sides.follows)
        counts = {table.name: staging.count(table.name) for table in dataset.tables}
        pairs = profiles.pairs.items() if profiles else ()
        return Verification(
            tuple(findings),
            counts,
            sides.portal_rows() if sides else (),
            run.empty(),
            objects,
            staging.to_keep(record.snapshot, dataset.database),
            {
                name: as_values(pair, kept=bool(production and name in production.kept))
                for name, pair in pairs
            },
            tuple(idle_limits(dataset, staging)),
        )


def _holding(
    kept: KeptProfiles | None, production: Side | None, asked: Mapping[str, Collection[str]]
) -> dict[str, TableProfile]:
    """Return what is known of production without a scan: nobody wrote to these tables since their load."""
    if kept is None or production is None:
        return {}
    record = read_record(production.connection)
    if record is None or record.snapshot != kept.snapshot:
        return {}
    return kept.holding(production.marks, production.shapes, asked)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _told_of_locks(database: str, *dsns: str) -> Iterator[None]:
    """Turn a wait for a locked table that took too long into a refusal that names the table."""
    try:
        yield
    except psycopg2.errors.LockNotAvailable:
        held = []
        for dsn in filter(None, dsns):
            with reading(dsn, database) as connection:
                held.append(f"{locked_tables(connection)} at {address(dsn)}")
        raise Refusal(
            f"database {database} cannot be verified: after {LOCK_WAIT_S} s somebody still locks "
            f"{' or '.join(held)}; wait until that is over, or end it, and run again"
        ) from None


@dataclass(frozen=True)
class _Run:
    dataset: Dataset
    record: LoadRecord
    staging: Side
    production: Side | None
    sides: BothSides | None
    profiles: Profiles | None
    staging_dsn: str
    production_dsn: str

    def findings(self, check: PlannedCheck) -> Iterator[Finding]:
        """Yield what one check finds."""
        if check.query is not None:
            yield from self._query(check.query)
        elif check.table is not None:
            yield from self._of_table(check, check.table)
        elif check.kind == WHOLE:
            live = self.production.connection if self.production is not None else None
            yield from whole_findings(self.staging.connection, live, self.dataset.unpopulated)
        elif self.production is not None and check.kind == TABLES:
            yield from self._missing_tables(self.production)
            yield from new_tables(self.dataset, self.production)
            if self.sides is not None:
                yield from self.sides.other_misfits()
        elif self.production is not None and check.kind == ROLE:
            yield from role_findings(self.production_dsn, self.staging_dsn)
        elif self.production is not None and check.kind == OIDS:
            yield from oid_findings(self.staging.connection, self.production.connection)
        elif self.production is not None and check.kind == CLUSTER:
            dataset = self.dataset
            yield from cluster_findings(
                self.production_dsn, dataset.database, dataset.databases, str(dataset.file)
            )
            yield from shared_archive(self.production_dsn, self.staging_dsn)

    def _of_table(self, check: PlannedCheck, table: Table) -> Iterator[Finding]:
        if check.kind == COUNT:
            yield from self._count(table)
        elif check.kind == EMPTY:
            yield from self._empty(table)
        elif self.production is None or table.name not in self.production.tables:
            return
        elif self.profiles is not None and check.kind == PROFILE:
            yield from self.profiles.findings(table)
        elif check.kind == SCHEMA:
            yield from self._columns(self.production, table)
        elif self.sides is not None and check.kind == CARRIED:
            yield from self.sides.misfits(table.name)
        elif self.sides is not None and check.kind == EDITED:
            yield from self.sides.edited(table.name)

    def _count(self, table: Table) -> Iterator[Finding]:
        loaded, rows = self.record.tables.get(table.name), self.staging.count(table.name)
        if loaded is None or loaded.loaded != rows:
            was = f"{loaded.loaded} were loaded" if loaded else "the load did not know it"
            yield Finding(
                f"{COUNT}:{table.name}",
                f"table {table.name} holds {rows} rows, and {was}",
                "find what changed it after the load (a transform, a client), and load again",
                amount=rows - loaded.loaded if loaded else None,
            )

    def _empty(self, table: Table) -> Iterator[Finding]:
        before = self.production.count(table.name) if self.production is not None else 0
        if self.staging.count(table.name) or not (table.required or before):
            return
        why = f"production has {before} rows in it" if before else "the dataset says that it must have rows"
        yield Finding(
            f"{EMPTY}:{table.name}",
            f"table {table.name} is empty, and {why}",
            "look at its source and its mapping",
            amount=before or None,
        )

    def empty(self) -> str:
        """Return how many tables are empty that may be; empty itself where there is none."""
        tables = [table for table in self.dataset.tables if table.owner == SOURCE]
        empty = sum(1 for table in tables if not self.staging.count(table.name))
        empty -= sum(1 for table in tables for _ in self._empty(table))
        if not empty:
            return ""
        also = ", as in production" if self.production is not None else ""
        return (
            f"{empty} of {len(tables)} source-owned tables have no rows{also}; "
            "`required: true` declares one that must have some"
        )

    def _columns(self, production: Side, table: Table) -> Iterator[Finding]:
        live = {column.name: column.type for column in production.tables[table.name].columns.values()}
        shape = self.staging.tables.get(table.name)
        staged = {column.name: column.type for column in shape.columns.values()} if shape else {}
        if not shape or live == staged:
            return
        names = [name for name in {**live, **staged} if live.get(name) != staged.get(name)]
        said = "; ".join(
            f"{name}: {live.get(name, 'not there')} -> {staged.get(name, 'not there')}" for name in names
        )
        yield Finding(
            f"{SCHEMA}:{table.name}",
            f"table {table.name} has other columns than in production ({said})",
            "migrate production first, or correct the schema",
        )

    def _missing_tables(self, production: Side) -> Iterator[Finding]:
        for name in production.tables:
            if name not in self.staging.tables and not (self.sides and self.sides.follows(name)):
                rows = production.count(name)
                yield Finding(
                    f"{SCHEMA}:{name}",
                    f"table {name} of production is not in the staging server, and its {rows} rows are not",
                    "add it to the schema and to the dataset, or drop it in production",
                    amount=rows,
                )

    def _query(self, check: Check) -> Iterator[Finding]:
        name = f"{SQL}:{check.name}"
        try:
            with self.staging.connection.cursor() as cursor:
                cursor.execute(check.query)
                rows = cursor.fetchmany(2)
        except psycopg2.Error as error:
            reason = database_reason(error)
            yield Finding(
                name, f"the query of {check.name!r} fails: {reason}", "correct the query in the dataset"
            )
            return
        if len(rows) != 1 or len(rows[0]) != 1:
            what = "no row" if not rows else f"{len(rows[0])} columns" if len(rows) == 1 else "several rows"
            yield Finding(
                name, f"the query of {check.name!r} gives {what}, not one value", "correct the query"
            )
        elif not _same(rows[0][0], check.expect):
            values = f"its query gives {rows[0][0]!s}, and {check.expect!s} is expected"
            said = f"{check.name!r} does not hold: {values}"
            yield Finding(
                name,
                said,
                "look at the rows that the query counts, and correct the source or the check",
                amount=_off(rows[0][0], check.expect),
            )


def _off(value: object, expected: object) -> int | None:
    """Return by how much a count is not the expected one; None where they are no counts."""
    if type(value) is int and type(expected) is int:
        return value - expected
    return None


def _same(value: object, expected: object) -> bool:
    """Compare a value of PostgreSQL with one of YAML: true is not 1, and a text may stand for any value."""
    if isinstance(value, bool) != isinstance(expected, bool):
        return False
    return value == expected or (isinstance(expected, str) and str(value) == expected)
