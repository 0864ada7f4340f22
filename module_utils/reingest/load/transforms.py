"""Transforms: each in a session of its own, and none that reads rows which only the switch brings.

What a transform reads shows in its own transaction: it holds a lock on each table that it named until its
end, and PostgreSQL counts its scans. A lock alone may be that of a view that it made, a scan alone that of a
reference which was proven. What it wrote shows by its locks, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg2

from ..dataset.model import Dataset
from ..dataset.owners import PORTAL
from ..dataset.table_name import table_name
from ..errors import Refusal
from ..ownership.catalog import read_catalog
from ..ownership.owners import owners_of
from ..postgres.dsn import Connection, connect
from .phases import Phases
from .script import database_reason, refused, run_script
from .still_true import Proof, broken, locked_to_write, proofs_after, refuse_broken
from .workers import Job, run_parallel

# Scans that were not yet reported may be of an earlier transaction. Nothing is reported within one.
_SCANS = """
SELECT c.oid, pg_stat_get_xact_numscans(c.oid) + coalesce(sum(pg_stat_get_xact_numscans(i.indexrelid)), 0)
FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid
WHERE c.relkind = 'r' AND c.oid >= 16384 GROUP BY c.oid
"""
_LOCKED = """
SELECT c.oid, n.nspname, c.relname, current_setting('track_counts')::bool
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode = 'AccessShareLock' AND c.relkind = 'r'
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY n.nspname, c.relname
"""
_AS_BEGUN = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; SET CONSTRAINTS ALL IMMEDIATE"


def run_transforms(
    dsn: str,
    dataset: Dataset,
    transforms: Sequence[tuple[Path, str]],
    *,
    first: Callable[[Connection], None] | None = None,
    processes: int = 1,
    closed: Sequence[int] = (),
) -> dict[str, float]:
    """Run transforms, prove what the tables that they wrote must hold, and return the seconds of each.

    Nothing but rows passes from one to the next: no setting, role, temporary table, lock or transaction.

    Args:
        dsn: the database, with what the dataset says of times.
        dataset: whose transforms they are.
        transforms: their paths and texts, in their order.
        first: called in the transaction of the first one, before it.
        processes: how many cores may be used.
        closed: descriptors that processes must not keep open.

    Raises:
        Refusal: PostgreSQL refuses a statement; one reads a portal-owned table, whose rows are not there yet,
            and does not run again when they are; or rows that were left break a reference or a check.
    """
    phases = Phases()
    wrote: dict[int, list[str]] = {}
    for path, text in transforms:
        with phases.phase(path.name), closing(connect(dsn)) as connection:
            if first is not None:
                first(connection)
                first = None
            for oid in _run(connection, dataset, path, text):
                wrote.setdefault(oid, []).append(path.name)
    if wrote:
        _prove(dsn, wrote, processes, closed)
    return phases.seconds


def _run(connection: Connection, dataset: Dataset, path: Path, text: str) -> list[int]:
    """Run one in the connection's transaction, commit it, and return the OIDs of the tables that it wrote."""
    before = _scans(connection)
    run_script(connection, path, text, "the transform")
    try:
        with connection.cursor() as cursor:
            cursor.execute(_AS_BEGUN)  # what follows is ours
    except psycopg2.Error as error:  # a constraint that was deferred to the end
        raise Refusal(f"the transform {path}: {database_reason(error)}") from error
    if path not in dataset.again:
        read = _portal_tables_read(connection, dataset, before)
        if read:
            raise Refusal(
                f"the transform {path} reads {', '.join(read)}, which the portal's users write: their rows "
                "come with the switch only. Write the file so that it can be run twice, and name it under "
                f"transform_again, too ({dataset.file}), or take that table out of it"
            )
    with connection.cursor() as cursor:
        written = {oid for oid, _ in locked_to_write(cursor)}
    connection.commit()
    return sorted(written)


def _prove(dsn: str, wrote: Mapping[int, Sequence[str]], processes: int, closed: Sequence[int]) -> None:
    with refused("the transforms"), closing(connect(dsn, autocommit=True)) as connection:
        proofs = proofs_after(connection, wrote)
    jobs = [Job(f"{one.name} of {one.table}", one.weight, partial(_broken, dsn, one)) for one in proofs]
    found = run_parallel(jobs, processes, closed=closed)
    refuse_broken([(one, *found[job.name]) for one, job in zip(proofs, jobs)])


def _broken(dsn: str, proof: Proof) -> tuple[int, list[str]]:
    with (
        refused(f"{proof.name} of {proof.table}"),
        closing(connect(dsn, autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):

        def ask(query: str) -> list[str]:
            cursor.execute(query)  # names of all kinds are in it, so it has no parameters
            return [str(value) for (value,) in cursor.fetchall()]

        return broken(proof, ask)


def _portal_tables_read(connection: Connection, dataset: Dataset, before: dict[int, int]) -> list[str]:
    after = _scans(connection)
    with connection.cursor() as cursor:
        cursor.execute(_LOCKED)
        read = [
            table_name(schema, name)
            for oid, schema, name, counted in cursor.fetchall()
            if not counted or after.get(oid, 0) > before.get(oid, 0)
        ]
    catalog = read_catalog(connection) if read else None
    return [name for name in read if catalog and owners_of(dataset, catalog, name) == {PORTAL}]


def _scans(connection: Connection) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_SCANS)
        return {oid: int(scans) for oid, scans in cursor.fetchall()}
