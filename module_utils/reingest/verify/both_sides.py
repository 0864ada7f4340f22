"""Staging and production beside each other: what neither the load's counts nor the catalogue can tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

import psycopg2
from psycopg2 import sql

from ..dataset.model import Dataset
from ..dataset.owners import PORTAL
from ..errors import Refusal
from ..frame.finding import Finding
from ..load.script import database_reason
from ..ownership.catalog import Catalog, Table, read_catalog
from ..ownership.checksum import read_content
from ..ownership.contract import portal_faults
from ..ownership.fault import Fault
from ..ownership.owners import owned_by
from ..ownership.references import reference_faults
from ..postgres.dsn import Connection
from ..postgres.locks import wait_for_locks
from ..postgres.session import pinned_reading
from ..profile.keys import merged_keys, sorted_keys
from .checks import SCHEMA


@dataclass(frozen=True)
class PortalRows:
    """The rows of a portal-owned table in production, and how many of them the load has already.

    ``in_load`` is None where they were not compared: the table has no primary key. ``only_in_load`` are the
    load's own, which the switch replaces; ``example`` is the key of a row that the load has not.
    """

    table: str
    rows: int
    in_load: int | None
    only_in_load: int
    example: str = ""

    @property
    def told(self) -> str:
        """Return it as a sentence; empty where neither has a row."""
        if not self.rows and not self.only_in_load:
            return ""
        if not self.rows:
            said = "production has no rows"
        elif self.in_load is None:
            said = f"{self.rows} rows, which the switch carries (no primary key to compare with the load's)"
        elif self.in_load == self.rows:
            said = f"{self.in_load} of {self.rows} rows are in the load already"
        else:
            some = f", for example {self.example}" if self.example and self.in_load else ""
            missing = self.rows - self.in_load
            said = f"{missing} of {self.rows} are missing from the load{some}, the switch carries them"
        own = f"; {self.only_in_load} rows that only the load has are replaced" if self.only_in_load else ""
        return f"{self.table}: {said}{own}"


@dataclass(frozen=True)
class BothSides:
    """Both databases in sessions that write values in one form, and what they consist of."""

    dataset: Dataset
    staging: Connection
    production: Connection
    made: Catalog
    live: Catalog

    def misfits(self, name: str) -> Iterator[Finding]:
        """Yield why rows of a portal-owned table, or of its children, cannot be carried into the load."""
        yield from _found(name, [fault for fault in self._faults if self._portal.get(fault.table) == name])

    def other_misfits(self) -> Iterator[Finding]:
        """Yield what stands against the switch, and is of no portal-owned table of production."""
        others = [fault for fault in self._faults if fault.table not in self._portal]
        for name in dict.fromkeys(fault.table for fault in others):
            yield from _found(name, [fault for fault in others if fault.table == name])

    def edited(self, name: str) -> Iterator[Finding]:
        """Yield how the rows of a schema-owned table are not production's, over the columns of both."""
        here, there = self.made.tables.get(name), self.live.tables.get(name)
        if here is None or there is None:
            return
        columns = [column for column in here.columns if column in there.columns]
        with _comparing(name):
            now = read_content(self.staging, here.identifier, columns)
            before = read_content(self.production, there.identifier, columns)
        if now == before:
            return
        counts = f"{now.rows} rows where production has {before.rows}"
        same = f"{now.rows} rows, as production, with other contents"
        yield Finding(
            f"{SCHEMA}:{name}",
            f"table {name} is schema-owned and was changed: it has "
            f"{same if now.rows == before.rows else counts}",
            "put production's change into the schema, else the switch replaces it by what the schema has",
            state=repr((now, before)),
        )

    def follows(self, name: str) -> bool:
        """Return whether a table of production is a part of another one, or judged by its rows."""
        table = self.live.tables.get(name)
        return name in self._portal or (table is not None and bool(table.parents))

    def portal_rows(self) -> tuple[PortalRows, ...]:
        """Return of each portal-owned table that both have how many of production's rows the load has."""
        named = (table.name for table in self.dataset.tables if table.owner == PORTAL)
        return tuple(
            self._rows_of(self.made.tables[name], self.live.tables[name])
            for name in named
            if name in self.made.tables and name in self.live.tables
        )

    @cached_property
    def _portal(self) -> dict[str, str]:
        """Return production's portal-owned tables, each with the table that it follows."""
        return owned_by(self.dataset, self.live, PORTAL)

    @cached_property
    def _faults(self) -> list[Fault]:
        faults = portal_faults(self.dataset, self.made, self.live, self.production)
        if not any(table.sources for table in self.dataset.tables):  # else the load has judged it
            faults += reference_faults(self.dataset, self.made, loads=False)
        return faults

    def _rows_of(self, here: Table, there: Table) -> PortalRows:
        with _comparing(here.name):
            rows, loaded = _count(self.production, there), _count(self.staging, here)
            key = there.primary_key
            if not rows or not loaded:
                return PortalRows(here.name, rows, 0, loaded)
            if not key or key != here.primary_key:
                return PortalRows(here.name, rows, None, 0)
            found = merged_keys(_keys(self.production, there, key), _keys(self.staging, here, key))
            example = next(iter(found.before_examples), "")
            return PortalRows(here.name, found.both + found.only_before, found.both, found.only_now, example)


def open_both(stack: ExitStack, dataset: Dataset, staging_dsn: str, production_dsn: str) -> BothSides:
    """Open both databases and read what they consist of.

    Raises:
        Refusal: a server does not answer, or refuses the login.
    """
    staging = stack.enter_context(pinned_reading(staging_dsn, dataset.database))
    production = stack.enter_context(pinned_reading(production_dsn, dataset.database))
    for connection in (staging, production):
        wait_for_locks(connection)
    return BothSides(dataset, staging, production, read_catalog(staging), read_catalog(production))


def _found(name: str, faults: list[Fault]) -> Iterator[Finding]:
    """Yield the faults of a table; all have one name, so rows are an amount where only one counts some."""
    counted = [fault for fault in faults if fault.rows is not None]
    for fault in faults:
        yield Finding(
            f"{SCHEMA}:{name}",
            fault.message,
            fault.remedy,
            amount=fault.rows if len(counted) == 1 else None,
        )


@contextmanager
def _comparing(name: str) -> Iterator[None]:
    """Turn what a server says against a comparison into a refusal; rows that are left out are none."""
    try:
        yield
    except psycopg2.Error as error:
        raise Refusal(
            f"table {name} cannot be compared with production's: {database_reason(error)}; verify with "
            "logins that may read all rows, such as superusers or the tables' owners"
        ) from error


def _count(connection: Connection, table: Table) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table.identifier))
        return int(cursor.fetchone()[0])


def _keys(connection: Connection, table: Table, key: tuple[str, ...]) -> Iterator[str]:
    return sorted_keys(connection, table.identifier, [sql.SQL(part) for part in key])
