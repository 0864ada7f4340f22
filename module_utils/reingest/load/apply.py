"""Carry a planned load out: the database is made anew, filled by all cores, and written down as complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..postgres.dsn import Connection, connect, with_database
from ..sources.content import suffix
from ..sources.files import check_unchanged
from ..sources.source import Source
from .account import Account, count_table, settle_accounts
from .fill import CONTENT, Filling, count_rows, fill_table
from .orphans import trace_orphans
from .plan import LoadPlan
from .record import TableCount, begin_record, finish_record
from .references import Settled, add_references, prove_references, settle_orphans
from .rejects import RejectPolicy
from .script import refused, run_script
from .server import load_lock, replace_database
from .setaside import Reference, SetAside, set_aside
from .workers import Job, run_parallel

_SMALL = 1 << 23  # bytes of a table's sources
_EXPANDS = {".gz": 5, ".zst": 5, ".parquet": 4}  # about so many times, unpacked

_SEQUENCES = """
SELECT n.nspname, c.relname, a.attname,
       pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE (n.nspname, c.relname) IN %s AND c.relkind IN ('r', 'p')
  AND pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname) IS NOT NULL
"""


@dataclass
class Phases:
    """How long each part of the load took, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time one part."""
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 3)


@dataclass(frozen=True)
class Loaded:
    """What came of it: the rows of each table, and the seconds of each part and of each transform.

    ``ways`` tells of each table how it was copied, and over how many connections.
    """

    tables: dict[str, TableCount]
    seconds: dict[str, float]
    transforms: dict[str, float]
    ways: dict[str, str]


def rehearse(plan: LoadPlan, processes: int) -> dict[str, dict[str, int]]:
    """Read all sources as the load would; touches no server, and writes no rejects.

    Returns:
        by table, the rows ``read``, and those of them that are ``rejected`` before any server sees them, or
        ``filtered``.

    Raises:
        Refusal: a source is not what the dataset says; with file and line.
    """
    policy = RejectPolicy(None, plan.dataset.max_rejects)
    jobs = [
        Job(feed.table.name, _weight(plan, feed.files), partial(count_rows, feed, policy))
        for feed in plan.feeds
    ]
    counted = run_parallel(jobs, processes)
    rejected = sum(count["rejected"] for count in counted.values())
    policy.check_whole(rejected, sum(count["read"] - count["filtered"] for count in counted.values()))
    return counted


def apply_load(
    plan: LoadPlan,
    *,
    staging_dsn: str,
    run: str,
    operator: str,
    processes: int,
    rejects: Path | None = None,
    prove: str = CONTENT,
) -> Loaded:
    """Load the staging database anew. A load that ends early is cleaned away by the next one.

    Args:
        plan: what ``plan_load`` returned, its action ``load``.
        staging_dsn: the login that it was planned with.
        run: the run's id.
        operator: ORCID iD of who runs it.
        processes: how many tables are filled at the same time.
        rejects: the run's folder for rows that are set aside; what an earlier load left in it goes away.
        prove: ``content`` or ``counts``.

    Raises:
        Refusal: another load is under way, a row, a source or a transform is refused, more rows are bad than
            the budgets allow, or rows read and rows accounted for are not the same.
    """
    dsn = with_database(staging_dsn, plan.dataset.database)
    phases = Phases()
    policy = _reject_policy(plan, rejects)
    with load_lock(staging_dsn, f"reingest load {run} of {operator}") as lock:
        spared = [lock.fileno()]
        with phases.phase("create"):
            replace_database(lock, plan.dataset.database)
            aside = _prepare(dsn, plan, run=run, operator=operator)
        with phases.phase("copy"):
            jobs = []
            for feed in plan.feeds:
                name, weight = feed.table.name, _weight(plan, feed.files)
                streams = streams_of(weight, _weight(plan, [file.path for file in plan.files]), processes)
                filling = Filling(dsn, feed, aside.of(name), policy, prove, streams)
                jobs.append(Job(name, weight, partial(fill_table, filling), width=streams))
            filled = run_parallel(jobs, processes, closed=spared)
            check_unchanged(plan.files)
        with refused("the load"):
            with phases.phase("references"):
                settled = _settle_orphans(dsn, plan, aside.references)
                traced = _trace_orphans(dsn, plan, settled, filled, policy, processes, spared)
                _restore_references(dsn, aside.references, processes, spared)
            with closing(connect(dsn)) as connection:
                with phases.phase("account"):
                    accounts = {
                        name: Account(
                            fill["read"], fill["duplicates"], settled.dropped[name],
                            fill["rejected"] + traced.get(name, 0), fill["filtered"],
                        )
                        for name, fill in filled.items()
                    }  # fmt: skip
                    loaded = settle_accounts(connection, plan.feeds, accounts, policy)
                with phases.phase("transform"):
                    transforms = _transform(connection, plan)
                with phases.phase("finish"):
                    tables = _finish(connection, plan, loaded)
            with phases.phase("checkpoint"):
                _checkpoint(lock)
    ways = {name: f"{fill['way']} x {fill['streams']}" for name, fill in filled.items()}
    return Loaded(tables, phases.seconds, transforms, ways)


def _reject_policy(plan: LoadPlan, folder: Path | None) -> RejectPolicy:
    if folder is not None and folder.exists():
        shutil.rmtree(folder)  # another attempt of the same run
    for feed in plan.feeds:
        if folder is None and (feed.table.quarantines or feed.table.orphans == "quarantine"):
            raise Refusal(
                f"table {feed.table.name}: the dataset sets bad rows aside, and there is no folder for them: "
                "name the worker's own directory (work)"
            )
    return RejectPolicy(folder, plan.dataset.max_rejects)


def streams_of(weight: int, whole: int, processes: int) -> int:
    """Return over how many connections a table is copied: its part of the processes, by bytes of all sources.

    A small table has one: what a process costs would be more than what it saves.
    """
    return max(1, round(processes * weight / whole)) if weight > _SMALL else 1


def processes_of(jobs: int) -> int:
    """Return how many processes to use: as asked, or one for each core."""
    return jobs if jobs > 0 else len(os.sched_getaffinity(0))


def _prepare(dsn: str, plan: LoadPlan, *, run: str, operator: str) -> SetAside:
    with closing(connect(dsn)) as connection:
        run_script(connection, plan.dataset.schema, plan.schema, "the schema")
        connection.commit()
    with closing(
        connect(dsn)
    ) as connection:  # a new session: the schema may have changed settings of its own
        begin_record(
            connection,
            snapshot=plan.snapshot,
            release=plan.dataset.release,
            digest=plan.digest,
            run=run,
            operator=operator,
        )
        aside = set_aside(connection, {feed.table.name for feed in plan.feeds})
        connection.commit()
    return aside


def _settle_orphans(dsn: str, plan: LoadPlan, references: tuple[Reference, ...]) -> Settled:
    with closing(connect(dsn, autocommit=True)) as connection:
        return settle_orphans(connection, plan.dataset, references, plan.feeds)


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
            jobs.append(Job(name, _weight(plan, feed.files), call))
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


def _transform(connection: Connection, plan: LoadPlan) -> dict[str, float]:
    """Run the transforms, each in a transaction of its own, and return the seconds of each."""
    _move_sequences(connection, plan)
    connection.commit()
    transforms = Phases()
    for path, text in plan.transforms:
        with transforms.phase(path.name):
            run_script(connection, path, text, "the transform")
            connection.commit()
    return transforms.seconds


def _move_sequences(connection: Connection, plan: LoadPlan) -> None:
    """Set each sequence of a loaded column behind the values that the sources brought."""
    loaded = {
        (feed.shape.schema, feed.shape.relation): {column.name for column in feed.table.columns}
        for feed in plan.feeds
    }
    if not loaded:
        return
    with connection.cursor() as cursor:
        cursor.execute(_SEQUENCES, (tuple(loaded),))
        for schema, relation, column, sequence in cursor.fetchall():
            if column in loaded[schema, relation]:
                statement = sql.SQL("SELECT setval(%s, max({column})) FROM {table} HAVING max({column}) > 0")
                names = {"column": sql.Identifier(column), "table": sql.Identifier(schema, relation)}
                cursor.execute(statement.format(**names), (sequence,))


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
    finish_record(connection, tables, plan.files)
    connection.commit()
    return tables


def _checkpoint(connection: Connection) -> None:
    # Only shortens the stop that comes next; a login without the right to it loses nothing.
    with connection.cursor() as cursor, contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
        cursor.execute("CHECKPOINT")


def _weight(plan: LoadPlan, files: Sequence[Source]) -> int:
    """Return about how many bytes of text the files hold."""
    sizes = {file.path: file.size for file in plan.files}
    return sum(sizes[file] * _EXPANDS.get(suffix(file), 1) for file in files)
