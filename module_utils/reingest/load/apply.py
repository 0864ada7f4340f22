"""Carry a planned load out: the database is made anew, filled by all cores, and written down as complete."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2

from ..postgres.dsn import Connection, connect
from ..sources.files import check_unchanged
from ..sources.source import Query, Remote
from .account import Account, count_table, settle_accounts
from .behind_rows import move_behind_rows
from .constraints import Reference, SetAside
from .fill import CONTENT, Filling, fill_table
from .meter import TableMeter
from .orphans import trace_orphans
from .other_reader import INDEPENDENT, OtherReading, filled_by, prove_by_another_reader
from .phases import Phases
from .plan import LoadPlan
from .prepare import prepare_load, reject_policy
from .provenance import TableCount, finish_record
from .references import Settled, add_references, prove_references, settle_orphans
from .rejects import RejectPolicy
from .reporter import Reporter
from .rows import Feed
from .script import refused
from .sequences import keep_sequences
from .server import dataset_dsn, load_lock
from .state import FilledTable, end_state, give_up_state, write_filled, write_settled
from .transforms import run_transforms
from .usable import make_usable
from .workers import Job, run_parallel

_SMALL = 1 << 23  # bytes of a table's sources


@dataclass(frozen=True)
class Loaded:
    """What came of it: the rows of each table, and the seconds of each part and of each transform.

    ``ways`` tells of each table that was filled how it was copied, and over how many connections,
    ``reading`` what another reader said of the sources, where it was asked.
    """

    tables: dict[str, TableCount]
    seconds: dict[str, float]
    transforms: dict[str, float]
    ways: dict[str, str]
    reading: OtherReading | None = None


def apply_load(
    plan: LoadPlan,
    *,
    staging_dsn: str,
    run: str,
    operator: str,
    processes: int,
    rejects: Path | None = None,
    prove: str = CONTENT,
    reporter: Reporter | None = None,
) -> Loaded:
    """Load the staging database, anew or on from an unfinished load, which one that ends early leaves.

    Args:
        plan: what ``plan_load`` returned, its action ``load``.
        staging_dsn: the login that it was planned with.
        run: the run's id.
        operator: ORCID iD of who runs it.
        processes: how many tables are filled at the same time.
        rejects: the run's folder for rows that are set aside; what an earlier load left in it goes away.
        prove: ``independent``, ``content`` or ``counts``, as it was planned with.
        reporter: gets how far it is.

    Raises:
        Refusal: another load is under way, a row, a source or a transform is refused, more rows are bad than
            the budgets allow, rows read and rows accounted for are not the same, or another reader finds
            something else in the sources.
    """
    dsn = dataset_dsn(staging_dsn, plan.dataset)
    policy = reject_policy(plan, rejects)
    reporter = reporter or Reporter()
    whole = sum(map(plan.weight, plan.unfilled))
    streams = {feed.table.name: streams_of(plan.weight(feed), whole, processes) for feed in plan.unfilled}
    meters = _meters(plan, reporter, streams)
    phases = Phases(reporter=reporter)
    with load_lock(staging_dsn, f"reingest load {run} of {operator}") as lock:
        spared = [lock.fileno()]
        with phases.phase("create"):
            aside = prepare_load(lock, staging_dsn, plan, policy, run=run, operator=operator)
        with phases.phase("copy"):
            how = _How(dsn, policy, filled_by(prove), streams, meters, run)
            filled = _filled_tables(plan, aside, how, processes, spared)
        with refused("the load"):
            with phases.phase("references"):
                settled = _settle_orphans(dsn, plan, aside.references)
                traced = _trace_orphans(dsn, plan, settled, filled, policy, processes, spared)
                _restore_references(dsn, aside.references, processes, spared)
            with closing(connect(dsn)) as connection:
                with phases.phase("account"):
                    accounts = _accounts(filled, settled, traced)
                    loaded = settle_accounts(connection, plan.feeds, accounts, policy)
                    connection.commit()
                reading = None
                if prove == INDEPENDENT:
                    with phases.phase("another reader"):
                        folder = rejects.parent if rejects else None
                        reading = prove_by_another_reader(
                            dsn, plan.feeds, accounts, processes=processes, folder=folder, closed=spared
                        )
                        check_unchanged(one for one in plan.files if not isinstance(one.path, Remote))
                with phases.phase("transform"):
                    transforms = _transform(dsn, connection, plan, processes, spared)
                with phases.phase("views"):
                    make_usable(dsn, plan.dataset)
                with phases.phase("finish"):
                    tables = _finish(connection, plan, loaded)
            with phases.phase("checkpoint"):
                _checkpoint(lock)
    ways = {name: f"{fill['way']} x {fill['streams']}" for name, fill in filled.items() if "way" in fill}
    return Loaded(tables, phases.seconds, transforms, ways, reading)


@dataclass(frozen=True)
class _How:
    """How the tables of a load are filled."""

    dsn: str
    policy: RejectPolicy
    prove: str
    streams: Mapping[str, int]  # by table
    meters: Mapping[str, TableMeter]
    run: str


def _filled_tables(
    plan: LoadPlan, aside: SetAside, how: _How, processes: int, spared: list[int]
) -> dict[str, Any]:
    """Fill what is still to be filled, and return what came of each table, of the kept ones, too."""
    jobs = []
    for feed in plan.unfilled:
        name = feed.table.name
        streams, pieces = how.streams[name], aside.of(name)
        filling = Filling(how.dsn, feed, pieces, how.policy, how.prove, streams, how.meters[name])
        jobs.append(Job(name, plan.weight(feed), partial(_fill, plan, filling, how.run), width=streams))
    kept = {name: vars(table) for name, table in plan.filled.items()}
    return {**kept, **run_parallel(jobs, processes, closed=spared)}


def _accounts(
    filled: Mapping[str, Mapping[str, Any]], settled: Settled, traced: Mapping[str, int]
) -> dict[str, Account]:
    """Return what became of each table's rows."""
    return {
        name: Account(
            fill["read"],
            fill["duplicates"],
            fill.get("orphans", 0) + settled.dropped[name],
            fill["rejected"] + traced.get(name, 0),
            fill["filtered"],
        )
        for name, fill in filled.items()
    }


def streams_of(weight: int, whole: int, processes: int) -> int:
    """Return over how many connections a table is copied: its part of the processes, by bytes of all sources.

    A small table has one: what a process costs would be more than what it saves.
    """
    return max(1, round(processes * weight / whole)) if weight > _SMALL else 1


def processes_of(jobs: int) -> int:
    """Return how many processes to use: as asked, or one for each core."""
    return jobs if jobs > 0 else len(os.sched_getaffinity(0))


def _fill(plan: LoadPlan, filling: Filling, run: str) -> dict[str, Any]:
    """Fill a table, and write down for the next run, should it need it, that the table is complete."""
    name, policy = filling.feed.table.name, filling.policy
    filled = fill_table(filling)
    check_unchanged(plan.sources_of(filling.feed))  # what is written down as loaded is what was identified
    policy.sync(name)
    complete = FilledTable(
        name=name,
        digest=plan.digests[name],
        run=run,
        read=filled["read"],
        duplicates=filled["duplicates"],
        rejected=filled["rejected"],
        filtered=filled["filtered"],
        rejects=str(policy.path(name)) if filled["rejected"] else "",
    )
    with refused(f"table {name}"), closing(connect(filling.dsn, autocommit=True)) as connection:
        write_filled(connection, complete)
    return filled


def _settle_orphans(dsn: str, plan: LoadPlan, references: tuple[Reference, ...]) -> Settled:
    with closing(connect(dsn)) as connection:  # one transaction: the next run must know of all that is gone
        settled = settle_orphans(connection, plan.dataset, references, plan.feeds)
        write_settled(connection, settled)
        connection.commit()
    return settled


def _trace_orphans(
    dsn: str,
    plan: LoadPlan,
    settled: Settled,
    filled: dict[str, Any],
    policy: RejectPolicy,
    processes: int,
    spared: list[int],
) -> dict[str, int]:
    """Write the orphans that are set aside to the rejects, and return how many by table."""
    jobs = []
    for feed in plan.feeds:
        name = feed.table.name
        orphans = settled.found.get(name)
        if orphans:
            done = filled[name]
            own = done["read"] - done["filtered"]
            call = partial(trace_orphans, dsn, feed, orphans, policy, done["rejected"], own)
            jobs.append(Job(name, plan.weight(feed), call))
    traced = run_parallel(jobs, processes, closed=spared)
    check_unchanged(plan.files)
    return traced


def _restore_references(
    dsn: str, references: tuple[Reference, ...], processes: int, spared: list[int]
) -> None:
    with closing(connect(dsn, autocommit=True)) as connection:
        add_references(connection, references)
    by_table: dict[str, list[Reference]] = {}
    for reference in references:
        by_table.setdefault(reference.table, []).append(reference)
    jobs = [
        Job(f"references of {name}", len(own), partial(_prove, dsn, own)) for name, own in by_table.items()
    ]
    run_parallel(jobs, processes, closed=spared)


def _prove(dsn: str, references: list[Reference]) -> None:
    with refused("references"), closing(connect(dsn, autocommit=True)) as connection:
        prove_references(connection, references)


def _transform(
    dsn: str, connection: Connection, plan: LoadPlan, processes: int, spared: list[int]
) -> dict[str, float]:
    """Run the transforms, and return the seconds of each."""
    move_behind_rows(connection)  # a transform may take numbers
    keep_sequences(connection)
    if not plan.transforms:
        give_up_state(connection)
    connection.commit()
    return run_transforms(
        dsn, plan.dataset, plan.transforms, first=give_up_state, processes=processes, closed=spared
    )


def _finish(connection: Connection, plan: LoadPlan, loaded: dict[str, TableCount]) -> dict[str, TableCount]:
    """Gather statistics, and write down the counts and, with them, that the load is complete."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    tables: dict[str, TableCount] = {}
    for table in plan.dataset.tables:
        if table.name in loaded:
            tables[table.name] = loaded[table.name]
        else:
            rows = count_table(connection, plan.shapes[table.name])
            tables[table.name] = TableCount(table.owner, 0, rows, 0, 0)
    end_state(connection)
    finish_record(connection, plan.dataset, tables, plan.files, plan.transforms)
    connection.commit()
    return tables


def _checkpoint(connection: Connection) -> None:
    # Only shortens the stop that comes next; a login without the right to it loses nothing.
    with connection.cursor() as cursor, contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
        cursor.execute("CHECKPOINT")


def _meters(plan: LoadPlan, reporter: Reporter, streams: Mapping[str, int]) -> dict[str, TableMeter]:
    """Return counters for each table: one for each stream, and one for who deals records out."""
    return {
        feed.table.name: reporter.meter.table(
            feed.table.name, _size(plan, feed), streams=streams[feed.table.name] + 1
        )
        for feed in plan.unfilled
    }


def _size(plan: LoadPlan, feed: Feed) -> int:
    """Return the bytes that are read to fill a table; 0 where they cannot be counted, as from a database."""
    if any(isinstance(file, Query) for file in feed.files):
        return 0
    return sum(file.size for file in plan.sources_of(feed))
