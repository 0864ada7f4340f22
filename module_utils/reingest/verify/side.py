"""One of the two servers of a verification: its tables, each read once, whatever is asked of its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import psycopg2
from psycopg2 import sql

from ..dataset.model import Dataset
from ..errors import Refusal
from ..load.catalog import TableShape, read_tables
from ..load.script import database_reason
from ..load.server import dataset_dsn
from ..postgres.dsn import Connection, connect, with_database
from ..postgres.locks import wait_for_locks
from ..postgres.session import pinned_reading
from ..profile.kept import KeptProfiles, KeptTable, without_texts
from ..profile.model import TableProfile
from ..profile.scan import prepare_session, scan_table
from ..profile.shape import ProfiledTable, read_shapes
from ..profile.statistics import with_statistics
from ..profile.written import read_marks


class Side:
    """A server's database; ``connection`` has its own settings, ``scanning`` is pinned."""

    def __init__(
        self, stack: ExitStack, dsn: str, database: str, *, workers: int, dataset: Dataset | None = None
    ) -> None:
        """Open it; a scan may take so many ``workers`` beside its own process; ``dataset`` is the load's."""
        self.connection: Connection = stack.enter_context(reading(dsn, database, dataset))
        self.scanning: Connection = stack.enter_context(pinned_reading(dsn, database))
        wait_for_locks(self.scanning)
        prepare_session(self.scanning, workers)
        self.tables: dict[str, TableShape] = read_tables(self.connection)
        self.shapes: dict[str, ProfiledTable] = read_shapes(self.scanning)
        self.marks: dict[str, str] = read_marks(self.scanning)
        self.profiles: dict[str, TableProfile] = {}
        self.kept: frozenset[str] = frozenset()  # tables that were not scanned: their profile was kept
        self._counts: dict[str, int] = {}

    def scan(self, left_out: Mapping[str, Collection[str]], kept: Mapping[str, TableProfile]) -> None:
        """Make the profiles of these tables, as far as they are there.

        Args:
            left_out: the tables, each with the columns that are not looked at.
            kept: profiles that hold still.

        Raises:
            Refusal: rows may not be read.
        """
        for name, columns in left_out.items():
            if name not in self.shapes:
                continue
            shape = self.shapes[name].without(columns)
            with _reading_rows(name):
                profile = kept[name] if name in kept else scan_table(self.scanning, shape)
                self.profiles[name] = with_statistics(self.scanning, shape, profile)
        self.kept = frozenset(kept) & frozenset(self.profiles)

    def count(self, name: str) -> int:
        """Return the rows of a table; none where it is missing."""
        if name in self.profiles:
            return self.profiles[name].rows
        if name not in self.tables:
            return 0
        if name not in self._counts:
            with _reading_rows(name), self.scanning.cursor() as cursor:
                cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(self.tables[name].identifier))
                self._counts[name] = cursor.fetchone()[0]
        return self._counts[name]

    def to_keep(self, snapshot: str, database: str) -> KeptProfiles:
        """Return the profiles of this server's load as they are kept with it."""
        tables = {
            name: KeptTable(self.marks.get(name, ""), without_texts(profile))
            for name, profile in self.profiles.items()
        }
        return KeptProfiles(snapshot, database, tables)

    def profile(self, name: str) -> TableProfile:
        """Return a table's profile; of one whose rows are only counted, no more than that."""
        shape = self.shapes.get(name)
        return self.profiles.get(name) or TableProfile(self.count(name), {}, disk=shape.disk if shape else 0)


def reading(dsn: str, database: str, dataset: Dataset | None = None) -> closing[Connection]:
    """Open a session that can only read, with the settings that the database gives everybody.

    Where a dataset is given, it takes times and dates as that says.
    """
    connection = connect(dataset_dsn(dsn, dataset, database) if dataset else with_database(dsn, database))
    connection.set_session(readonly=True, autocommit=True)
    wait_for_locks(connection)
    return closing(connection)


def scan_both(
    staging: Side,
    production: Side | None,
    left_out: Mapping[str, Collection[str]],
    kept: Mapping[str, TableProfile],
) -> None:
    """Make the profiles of both servers at the same time; ``kept`` are production's that hold still."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        scans = [pool.submit(staging.scan, left_out, {})]
        if production is not None:
            scans.append(pool.submit(production.scan, left_out, kept))
        for scan in scans:
            scan.result()


@contextmanager
def _reading_rows(name: str) -> Iterator[None]:
    """Turn what a server says against reading rows into a refusal, but for a wait for a lock."""
    try:
        yield
    except psycopg2.errors.LockNotAvailable:
        raise
    except psycopg2.Error as error:
        raise Refusal(
            f"the rows of table {name} cannot be read: {database_reason(error)}; verify with logins that may "
            "read all rows, such as superusers or the tables' owners"
        ) from error
