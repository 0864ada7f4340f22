"""Transforms: each in a transaction of its own, and none that reads rows which only the switch brings.

What a transform reads shows in its own transaction: it holds a lock on each table that it named until its
end, and PostgreSQL counts its scans. A lock alone may be that of a view that it made, a scan alone that of a
reference which was proven.
"""

from __future__ import annotations

from pathlib import Path

from ..dataset.model import Dataset
from ..dataset.owners import PORTAL
from ..dataset.table_name import table_name
from ..errors import Refusal
from ..ownership.catalog import read_catalog
from ..ownership.owners import owners_of
from ..postgres.dsn import Connection
from .script import run_script

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


def run_transform(connection: Connection, dataset: Dataset, path: Path, text: str) -> None:
    """Run a transform and commit it.

    Raises:
        Refusal: PostgreSQL refuses a statement; or it reads a portal-owned table, whose rows are not there
            yet, and does not run again when they are.
    """
    before = _scans(connection)
    run_script(connection, path, text, "the transform")
    if path not in dataset.again:
        read = _portal_tables_read(connection, dataset, before)
        if read:
            raise Refusal(
                f"the transform {path} reads {', '.join(read)}, which the portal's users write: their rows "
                "come with the switch only. Write the file so that it can be run twice, and name it under "
                f"transform_again, too ({dataset.file}), or take that table out of it"
            )
    connection.commit()


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
