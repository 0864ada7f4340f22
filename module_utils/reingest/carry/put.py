"""Put rows into the database that is to serve: in one transaction, a kill at any moment leaves none.

Its portal-owned tables are emptied first, so the same put once more is the same. References, keys and indexes
are off meanwhile and are built, and so proven, at the end; triggers of users are off, never the server's own
ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import psycopg2
from psycopg2 import sql

from ..dataset.table_name import table_name
from ..errors import Refusal
from ..load.constraints import SetAside, set_aside
from ..load.views import refresh_views
from ..ownership.checksum import Content, read_content
from ..postgres.dsn import Connection, Cursor
from .after_switch import leave_views
from .again import run_again
from .catalogue import Table
from .laps import Laps
from .named_objects import Stream, naming, objects_sum
from .orphans import read_operators, settle_orphans
from .plan import PARTITIONED
from .put_objects import ObjectsPut, finish_objects, note_objects, put_objects
from .quarantine import Settled, follow_rows, make_quarantine, quarantine_sum, return_rows
from .sequences import move_counters
from .stream import BLOCK, copy_in
from .unit import QUARANTINE_UNIT, Counter, Relation, Unit

_TRIGGERS = """
SELECT n.nspname, c.relname, t.tgname, t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgrelid = ANY(%s) AND NOT t.tgisinternal ORDER BY c.relispartition, 1, 2, 3
"""
_AS_BEFORE = {
    "D": "DISABLE TRIGGER",
    "O": "ENABLE TRIGGER",
    "R": "ENABLE REPLICA TRIGGER",
    "A": "ENABLE ALWAYS TRIGGER",
}
_SESSION = "SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL synchronous_commit = on"


class NotTakenError(Refusal):
    """The database does not take rows of one portal-owned table: which, and what it says of them."""

    def __init__(self, table: str, error: psycopg2.Error) -> None:
        self.table = table
        self.reason = "; ".join(line.strip() for line in str(error).strip().splitlines()[:2])
        super().__init__(
            f"table {table}: the load does not take production's rows: {self.reason}; correct the schema, or "
            "those rows in production"
        )


class Rows(Protocol):
    """What COPY FROM reads."""

    def read(self, size: int = ...) -> bytes:
        """Return the next block; empty at the end."""


@dataclass(frozen=True)
class Source:
    """Where rows come from, and the large objects that they name."""

    rows: Callable[[Unit], AbstractContextManager[Rows]]
    objects: Callable[[Stream], AbstractContextManager[Rows]]


@dataclass(frozen=True)
class Put:
    """What became of the rows."""

    settled: Settled
    sums: Mapping[str, Content]  # by table, quarantined and dropped rows included
    rows: Mapping[str, int]  # in the table itself
    missing: tuple[str, ...]  # production's sequences that are not there
    again: tuple[str, ...]  # the transforms that were run again
    views: tuple[Relation, ...]  # that were refreshed
    later: tuple[str, ...]  # views that are refreshed once the window is closed
    objects: Content  # large objects that the rows name
    of_objects: ObjectsPut


def put_rows(
    connection: Connection,
    units: Sequence[Unit],
    tables: Mapping[str, Table],
    source: Source,
    *,
    counters: Sequence[Counter],
    run: str,
    laps: Laps,
    beside: Sequence[Unit] = (),
) -> Put:
    """Replace the portal-owned rows of a database, in the caller's transaction.

    Args:
        connection: a pinned session; the caller commits, or rolls back.
        units: what is put, ``QUARANTINE_UNIT`` among it where the server that it is from has a quarantine.
        tables: the database's portal-owned tables.
        source: gives the rows of a unit, and large objects.
        counters: the sequences of the server that the rows are from.
        run: the run's id.
        laps: told when each step ends.
        beside: rows that stay as they are, for the large objects that they name.

    Raises:
        NotTakenError: the database does not take rows of a table.
        Refusal: a table that says ``orphans: fail`` has some, or a transform fails.
    """
    settled, oids = Settled(), [oid for table in tables.values() for oid in table.oids]
    # Children too that have nothing to take: what is in them came into their parents.
    emptied = [
        (name, relation, parts[0].kind == PARTITIONED)
        for name in dict.fromkeys(unit.table for unit in units if unit != QUARANTINE_UNIT)
        for relation, parts in tables[name].units.items()
    ]
    names = {table_name(*relation): name for name, relation, _ in emptied}
    of_objects = ObjectsPut()
    with connection.cursor() as cursor:
        cursor.execute(_SESSION)
        operators = read_operators(connection)
        note_objects(connection, units, beside)
        with _triggers_off(cursor, oids):
            aside = set_aside(connection, names.keys())
            make_quarantine(cursor)
            for _, relation, spread in emptied:
                only = sql.SQL("" if spread else "ONLY")
                cursor.execute(sql.SQL("TRUNCATE {} {}").format(only, sql.Identifier(*relation)))
            for unit in units:
                _copy(cursor, unit, source)
            units = [unit for unit in units if unit != QUARANTINE_UNIT]
            follow_rows(cursor, units)
            units = list({unit.target: unit for unit in units}.values())
            laps.end("copy")
            _build(cursor, aside, names)
            laps.end("keys and indexes")
            return_rows(cursor, units)
            settle_orphans(cursor, units, aside.references, operators, run, settled)
            laps.end("orphans")
            if naming(units):
                of_objects = put_objects(connection, units, source.objects)
                laps.end("large objects")
            for reference in aside.references:
                _execute(cursor, reference.create, names.get(reference.table, reference.table))
                cursor.execute(reference.comment)
            missing = move_counters(connection, counters, oids)
        again = run_again(cursor)
        cursor.execute(_SESSION)
        later = leave_views(cursor)
        views = _refresh(cursor, oids, later)
        laps.end("references and views")
    sums: dict[str, Content] = dict(settled.dropped)
    rows: dict[str, int] = {}
    for unit in units:
        there = read_content(
            connection, sql.Identifier(*unit.target), unit.columns, only=not unit.to_partitions
        )
        rows[unit.table] = rows.get(unit.table, 0) + there.rows
        sums[unit.table] = sums.get(unit.table, Content()) + there + quarantine_sum(connection, unit.target)
    objects = objects_sum(connection, units, put=True)
    laps.end("proof")
    return Put(settled, sums, rows, tuple(missing), again, views, later, objects, of_objects)


def finish(connection: Connection, units: Sequence[Unit], views: Sequence[Relation]) -> None:
    """Do what follows the commit: what of large objects comes last, and tell the planner of the rows.

    Of partitioned parents nobody else tells it.
    """
    connection.autocommit = True
    finish_objects(connection)
    with connection.cursor() as cursor:
        for relation in (*(unit.target for unit in units), *views):
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*relation)))


def _copy(cursor: Cursor, unit: Unit, source: Source) -> None:
    with source.rows(unit) as rows:
        try:
            cursor.copy_expert(copy_in(unit).as_string(cursor), rows, size=BLOCK)
        except (psycopg2.DataError, psycopg2.IntegrityError) as error:
            raise NotTakenError(unit.table, error) from error


def _build(cursor: Cursor, aside: SetAside, names: Mapping[str, str]) -> None:
    for piece in sorted(aside.pieces, key=lambda piece: not piece.is_key):
        _execute(cursor, piece.create, names.get(piece.table, piece.table))
        cursor.execute(piece.comment)


def _execute(cursor: Cursor, statement: str, table: str) -> None:
    try:
        cursor.execute(statement)
    except psycopg2.IntegrityError as error:
        raise NotTakenError(table, error) from error


@contextmanager
def _triggers_off(cursor: Cursor, oids: Sequence[int]) -> Iterator[None]:
    """Switch the users' triggers off, and afterwards each on as it was."""
    cursor.execute(_TRIGGERS, (list(oids),))
    triggers = cursor.fetchall()
    for schema, relation, name, _ in triggers:
        cursor.execute(_trigger(schema, relation, "DISABLE TRIGGER", name))
    yield
    for schema, relation, name, enabled in triggers:
        cursor.execute(_trigger(schema, relation, _AS_BEFORE[enabled], name))


def _trigger(schema: str, relation: str, what: str, name: str) -> sql.Composable:
    # Without ONLY: the partitions' copies of a trigger count as the server's own to some versions.
    return sql.SQL("ALTER TABLE {} {} {}").format(
        sql.Identifier(schema, relation), sql.SQL(what), sql.Identifier(name)
    )


def _refresh(cursor: Cursor, oids: Sequence[int], leave: Sequence[str]) -> tuple[Relation, ...]:
    # What a view calls may name things as its users do; PostgreSQL 17 pins the path there itself.
    cursor.execute('SET LOCAL search_path = "$user", public, pg_temp')
    views = refresh_views(cursor, over=oids, leave=leave)
    cursor.execute("SET LOCAL search_path = pg_catalog, pg_temp")
    return views
