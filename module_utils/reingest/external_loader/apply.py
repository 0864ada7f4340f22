"""Let the portal's own loader fill the staging database, and write down what it holds then."""

from __future__ import annotations

import contextlib
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
from psycopg2 import sql

from ..dataset.owners import SOURCE
from ..dataset.patterns import expanded
from ..errors import ListedRefusal, Refusal
from ..load.catalog import TableShape, read_tables
from ..load.provenance import TableCount, begin_record, finish_record, read_record
from ..load.reporter import Reporter
from ..load.script import run_script
from ..load.server import dataset_dsn, load_lock, replace_database
from ..load.transforms import run_transforms
from ..load.usable import make_usable
from ..ownership.catalog import Catalog, read_catalog
from ..ownership.fault import told
from ..ownership.owners import owner_faults
from ..postgres.dsn import Connection, connect
from ..sources.files import check_unchanged
from .cleanup import Cleanup
from .command import EndedLoader
from .judge import Patterns
from .log import loader_log
from .plan import LoaderPlan


@dataclass(frozen=True)
class Loaded:
    """What came of it; ``seconds`` by phase, ``lines`` of the log, its last line of progress."""

    tables: dict[str, TableCount]
    seconds: dict[str, float]
    log: Path
    lines: int
    progress: str


@dataclass(frozen=True)
class _Run:
    snapshot: str
    release: str
    digest: str
    run: str
    operator: str

    def begin(self, connection: Connection) -> None:
        begin_record(connection, **vars(self))


def apply_loader(
    plan: LoaderPlan,
    patterns: Patterns,
    *,
    staging_dsn: str,
    run: str,
    operator: str,
    folder: Path,
    secrets: tuple[str, ...],
    cleanup: Cleanup | None = None,
    production_dsn: str = "",
    reporter: Reporter | None = None,
) -> Loaded:
    """Run the loader and describe what it made. A load that ends early stays without its finished record.

    Args:
        plan: what ``plan_loader`` returned, its action ``load``.
        patterns: how its log is judged.
        staging_dsn: the login that it was planned with.
        run: the run's id.
        operator: ORCID iD of who runs it.
        folder: the run's folder on this host, for the loader's log.
        secrets: what must not be in the log.
        cleanup: what puts right what a loader leaves that was ended.
        production_dsn: where it may do that.
        reporter: gets how far it is.

    Raises:
        Refusal: the loader failed, or what it made is not what the dataset names.
    """
    dsn = dataset_dsn(staging_dsn, plan.dataset)
    reporter = reporter or Reporter()
    load = _Run(plan.snapshot, plan.dataset.release, plan.digest, run, operator)
    with (
        loader_log(folder, patterns, secrets, reporter.say) as log,
        load_lock(staging_dsn, f"reingest load {run} of {operator}") as lock,
    ):
        reporter.enter("create")
        clean = _Clean(cleanup, {"production": production_dsn, "staging": staging_dsn}, plan, secrets)
        if plan.before is not None and not plan.before.finished:
            clean()
        if plan.fresh:
            replace_database(lock, plan.dataset.database, plan.locale)
        _prepare(dsn, plan, load)
        began = time.monotonic()
        reporter.enter("loader")
        try:
            plan.loader.run(log, closed=[lock.fileno()])
        except EndedLoader as ended:
            raise Refusal(f"{ended}; {clean()}") from None
        loading = time.monotonic() - began
        check_unchanged(plan.files)
        reporter.enter("describe")
        run_transforms(dsn, plan.dataset, plan.transforms, closed=[lock.fileno()])
        with closing(connect(dsn)) as connection:
            tables = _describe(connection, dsn, plan, load)
        seconds = {"loader": round(loading, 3), "describe": round(time.monotonic() - began - loading, 3)}
        # Only shortens the stop that comes next; a login without the right to it loses nothing.
        with lock.cursor() as cursor, contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("CHECKPOINT")
    return Loaded(tables, seconds, log.path, log.judge.lines, log.judge.progress)


@dataclass(frozen=True)
class _Clean:
    cleanup: Cleanup | None
    dsns: dict[str, str]
    plan: LoaderPlan
    secrets: tuple[str, ...]

    def __call__(self) -> str:
        """Put right what the loader left, and return what was done, as the end of a sentence."""
        if self.cleanup is None:
            return (
                "it has no `cleanup:`: what it left elsewhere (a lock row in production, say) may be in "
                "the way of "
                "the next load"
            )
        try:
            self.cleanup.run(self.dsns, self.plan.dataset.database, self.secrets)
        except Refusal as refusal:
            return str(refusal)
        return f"{self.cleanup.name} was run"


def _prepare(dsn: str, plan: LoaderPlan, load: _Run) -> None:
    """Apply the schema, and write down that the load began: until its end the database is no release."""
    with closing(connect(dsn)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS reingest CASCADE")
        load.begin(connection)
        connection.commit()
        run_script(connection, plan.dataset.schema, plan.schema, "the schema")
        connection.commit()


def _describe(connection: Connection, dsn: str, plan: LoaderPlan, load: _Run) -> dict[str, TableCount]:
    """Make it usable, count every table, and write down that the load is complete."""
    shapes = read_tables(connection)
    catalog = read_catalog(connection)
    named = replace(plan.dataset, tables=tuple(one for one in plan.dataset.tables if not one.pattern))
    dataset = expanded(named, catalog.roots)
    faults = owner_faults(dataset, catalog, Catalog(), by_schema=False)
    if faults:
        raise ListedRefusal(told(faults))
    missing = [table.name for table in named.tables if table.name not in shapes]
    if missing:
        raise Refusal(
            f"the loader ended well and database {plan.dataset.database} has no table {', '.join(missing)}: "
            "does its connection string name that database of the staging server? "
            f"Otherwise correct {plan.dataset.file}"
        )
    connection.commit()  # no lock of it is in the way of a view
    make_usable(dsn, plan.dataset)
    if read_record(connection) is None:  # the loader made the database, or all its schemas, anew
        load.begin(connection)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    tables = {}
    for table in dataset.tables:
        rows = _count(connection, shapes[table.name])
        read = rows if table.owner == SOURCE else 0
        tables[table.name] = TableCount(owner=table.owner, read=read, loaded=rows, duplicates=0, orphans=0)
    finish_record(connection, dataset, tables, plan.files, plan.transforms)
    connection.commit()
    return tables


def _count(connection: Connection, shape: TableShape) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(shape.identifier))
        return int(cursor.fetchone()[0])
