"""Schema `reingest` of a loaded database: what was loaded, from what, and whether the load is complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from psycopg2.extras import Json, execute_values

from ..dataset.model import Dataset
from ..inventory.baseline import write_baseline
from ..inventory.read import read_inventory
from ..postgres.dsn import Connection
from ..postgres.pins import UTC, YMD
from ..sources.source import SourceFile
from .other_databases import write_databases

_CREATE = """
CREATE SCHEMA reingest;
COMMENT ON SCHEMA reingest IS 'What this database was loaded from; written by ingest_load';
CREATE TABLE reingest.load (
    snapshot text PRIMARY KEY,
    release text NOT NULL,
    digest text NOT NULL,
    run text NOT NULL,
    operator text NOT NULL,
    began timestamptz NOT NULL DEFAULT now(),
    finished timestamptz -- NULL while the load is not complete
);
CREATE TABLE reingest.load_run (
    run text NOT NULL, -- one that began the load, or went on with it
    operator text NOT NULL,
    snapshot text NOT NULL,
    began timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE reingest.load_table (
    name text PRIMARY KEY,
    owner text NOT NULL,
    read bigint NOT NULL,
    loaded bigint NOT NULL,
    duplicates bigint NOT NULL,
    orphans bigint NOT NULL,
    rejected bigint NOT NULL,
    filtered bigint NOT NULL,
    orphans_policy text NOT NULL, -- what becomes of rows without their parent: fail, drop or quarantine
    oids jsonb NOT NULL -- by column, what its OIDs are: "large object" or "number"
);
CREATE TABLE reingest.load_source (
    path text PRIMARY KEY,
    size bigint NOT NULL,
    sha256 text NOT NULL
);
CREATE TABLE reingest.load_transform (
    position int PRIMARY KEY,
    name text NOT NULL,
    script text NOT NULL -- which the switch runs again, once users' rows are in place
);
CREATE TABLE reingest.load_view (
    name text PRIMARY KEY -- of a materialised view that the switch refreshes after its window
);
GRANT USAGE ON SCHEMA reingest TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA reingest TO PUBLIC;
"""


@dataclass(frozen=True)
class TableCount:
    """One table's rows; where it has sources, read is the sum of all the others."""

    owner: str
    read: int
    loaded: int
    duplicates: int
    orphans: int
    rejected: int = 0
    filtered: int = 0


@dataclass(frozen=True)
class LoadRecord:
    """One load, as its database has it."""

    snapshot: str
    release: str
    digest: str
    finished: bool
    tables: dict[str, TableCount]


def shown_load(record: LoadRecord | None) -> str:
    """Return what a server was loaded with, as a diff shows it."""
    if record is None:
        return "no load"
    if not record.finished:
        return f"the unfinished load {record.snapshot} of release {record.release}"
    return f"release {record.release}, snapshot {record.snapshot}"


def begin_record(
    connection: Connection, *, snapshot: str, release: str, digest: str, run: str, operator: str
) -> None:
    """Make the schema and write down that a load began, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        cursor.execute(
            "INSERT INTO reingest.load (snapshot, release, digest, run, operator)"
            " VALUES (%s, %s, %s, %s, %s)",
            (snapshot, release, digest, run, operator),
        )
    _add_run(connection, run, operator, snapshot)


def resume_record(
    connection: Connection, *, snapshot: str, release: str, digest: str, run: str, operator: str
) -> None:
    """Write down that another run goes on with the load, as its own, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reingest.load SET snapshot = %s, release = %s, digest = %s, run = %s, operator = %s",
            (snapshot, release, digest, run, operator),
        )
    _add_run(connection, run, operator, snapshot)


def finish_record(
    connection: Connection,
    dataset: Dataset,
    tables: Mapping[str, TableCount],
    sources: Sequence[SourceFile],
    transforms: Sequence[tuple[Path, str]] = (),
) -> None:
    """Write down the counts and that the load is complete, in the caller's transaction.

    With them stands what the switch does: the contract of each table (owner, policy for orphans, what OIDs
    are), what becomes of production's other databases, the transforms that it runs again, and the views that
    it leaves for after its window. And the
    inventory of what the load made, by which a later verification knows what was made by hand since.
    """
    write_baseline(connection, read_inventory(connection))
    reads = _reads_as(dataset)
    again = [
        (at, path.name, reads + text) for at, (path, text) in enumerate(transforms) if path in dataset.again
    ]
    policies = {table.name: (table.orphans, Json(table.oids)) for table in dataset.tables}
    with connection.cursor() as cursor:
        rows = [(name, *astuple(count), *policies[name]) for name, count in tables.items()]
        execute_values(cursor, "INSERT INTO reingest.load_table VALUES %s", rows)
        if dataset.databases:
            write_databases(cursor, dataset.databases)
        if sources:
            files = [(source.name, source.size, source.sha256) for source in sources]
            execute_values(cursor, "INSERT INTO reingest.load_source VALUES %s", files)
        if again:
            execute_values(cursor, "INSERT INTO reingest.load_transform VALUES %s", again)
        if dataset.after_switch:
            views = [(name,) for name in sorted(dataset.after_switch)]
            execute_values(cursor, "INSERT INTO reingest.load_view VALUES %s", views)
        cursor.execute("UPDATE reingest.load SET finished = clock_timestamp()")


def _reads_as(dataset: Dataset) -> str:
    """Return what has a switch, whose sessions are in UTC, run a transform as the load did."""
    if (dataset.timezone, dataset.dates) == (UTC, YMD):
        return ""
    return f"SET LOCAL TimeZone = '{dataset.timezone}'; SET LOCAL DateStyle = 'ISO, {dataset.dates}';\n"


def read_record(connection: Connection) -> LoadRecord | None:
    """Return the database's load, complete or not; None where no load made the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.load') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return None
        query = (
            "SELECT snapshot, release, digest, finished IS NOT NULL FROM reingest.load ORDER BY began DESC"
        )
        cursor.execute(query)
        row = cursor.fetchone()
        if row is None:
            return None
        # A production that was loaded before rows could be rejected, or filtered, has no column for them.
        cursor.execute(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = 'reingest.load_table'::regclass AND attname IN ('rejected', 'filtered')"
        )
        there = {name for (name,) in cursor.fetchall()}
        later = ", ".join(name if name in there else "0" for name in ("rejected", "filtered"))
        cursor.execute(
            f"SELECT name, owner, read, loaded, duplicates, orphans, {later} FROM reingest.load_table"  # noqa: S608 - constants
        )
        tables = {name: TableCount(*counts) for name, *counts in cursor.fetchall()}
    snapshot, release, digest, finished = row
    return LoadRecord(snapshot, release, digest, finished, tables)


def _add_run(connection: Connection, run: str, operator: str, snapshot: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reingest.load_run (run, operator, snapshot) VALUES (%s, %s, %s)",
            (run, operator, snapshot),
        )
