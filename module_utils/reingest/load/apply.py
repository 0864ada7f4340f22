"""Carry a planned load out: the database is made anew, filled by all cores, and written down as complete."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg2
from psycopg2 import sql

from ..dataset.model import SOURCE
from ..postgres.dsn import Connection, connect, with_database
from ..sources.files import check_unchanged
from .catalog import TableShape
from .fill import count_rows, fill_table
from .plan import LoadPlan
from .record import TableCount, begin_record, finish_record
from .references import add_references, prove_references, settle_orphans
from .script import run_script
from .server import load_lock, replace_database
from .setaside import Reference, SetAside, set_aside
from .workers import Job, run_parallel

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
    """What came of it."""

    tables: dict[str, TableCount]
    seconds: dict[str, float]


def rehearse(plan: LoadPlan, processes: int) -> dict[str, int]:
    """Read all sources as the load would, and return the rows of each table; touches no server.

    Raises:
        Refusal: a source is not what the dataset says; with file and line.
    """
    jobs = [Job(feed.table.name, _weight(plan, feed.files), partial(count_rows, feed)) for feed in plan.feeds]
    return run_parallel(jobs, processes)


def apply_load(plan: LoadPlan, *, staging_dsn: str, run: str, operator: str, processes: int) -> Loaded:
    """Load the staging database anew. A load that ends early is cleaned away by the next one.

    Args:
        plan: what ``plan_load`` returned, its action ``load``.
        staging_dsn: the login that it was planned with.
        run: the run's id.
        operator: ORCID iD of who runs it.
        processes: how many tables are filled at the same time.

    Raises:
        Refusal: another load is under way, or a row, a source or a transform is refused.
    """
    dsn = with_database(staging_dsn, plan.dataset.database)
    phases = Phases()
    with load_lock(staging_dsn, f"reingest load {run} of {operator}") as lock:
        spared = [lock.fileno()]
        with phases.phase("create"):
            replace_database(lock, plan.dataset.database)
            aside = _prepare(dsn, plan, run=run, operator=operator)
        with phases.phase("copy"):
            jobs = [
                Job(
                    feed.table.name,
                    _weight(plan, feed.files),
                    partial(fill_table, dsn, feed, aside.of(feed.table.name)),
                )
                for feed in plan.feeds
            ]
            filled = run_parallel(jobs, processes, closed=spared)
            check_unchanged(plan.files)
        with phases.phase("references"):
            orphans = _restore_references(dsn, plan, aside.references, processes, spared)
        with closing(connect(dsn)) as connection:
            with phases.phase("transform"):
                _transform(connection, plan)
            with phases.phase("finish"):
                tables = _finish(connection, plan, filled, orphans)
        with phases.phase("checkpoint"):
            _checkpoint(lock)
    return Loaded(tables, phases.seconds)


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


def _restore_references(
    dsn: str, plan: LoadPlan, references: tuple[Reference, ...], processes: int, spared: list[int]
) -> Counter[str]:
    with closing(connect(dsn, autocommit=True)) as connection:
        orphans = settle_orphans(connection, plan.dataset, references)
        add_references(connection, references)
    by_table: dict[str, list[Reference]] = {}
    for reference in references:
        by_table.setdefault(reference.table, []).append(reference)
    jobs = [
        Job(f"references of {name}", len(own), partial(_prove, dsn, own)) for name, own in by_table.items()
    ]
    run_parallel(jobs, processes, closed=spared)
    return orphans


def _prove(dsn: str, references: list[Reference]) -> None:
    with closing(connect(dsn, autocommit=True)) as connection:
        prove_references(connection, references)


def _transform(connection: Connection, plan: LoadPlan) -> None:
    _move_sequences(connection, plan)
    connection.commit()
    for path, text in plan.transforms:
        run_script(connection, path, text, "the transform")
        connection.commit()


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


def _finish(
    connection: Connection, plan: LoadPlan, filled: dict[str, Any], orphans: Counter[str]
) -> dict[str, TableCount]:
    """Gather statistics, and write down the counts and, with them, that the load is complete."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    tables: dict[str, TableCount] = {}
    for table in plan.dataset.tables:
        if table.owner == SOURCE and table.sources:
            read, duplicates = filled[table.name]["read"], filled[table.name]["duplicates"]
            lost = orphans[table.name]
            tables[table.name] = TableCount(table.owner, read, read - duplicates - lost, duplicates, lost)
        else:
            tables[table.name] = TableCount(table.owner, 0, _count(connection, plan.shapes[table.name]), 0, 0)
    finish_record(connection, tables, plan.files)
    connection.commit()
    return tables


def _count(connection: Connection, shape: TableShape) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(shape.identifier))
        return int(cursor.fetchone()[0])


def _checkpoint(connection: Connection) -> None:
    # Only shortens the stop that comes next; a login without the right to it loses nothing.
    with connection.cursor() as cursor, contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
        cursor.execute("CHECKPOINT")


def _weight(plan: LoadPlan, files: tuple[Any, ...]) -> int:
    sizes = {file.path: file.size for file in plan.files}
    return sum(sizes[path] for path in files)
