"""Carry users' rows from the server that is about to stop into the one that is about to serve.

Fence, take, put and proof are one call, because its sessions must not end in between: whoever left could not
come back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.durable import sync_directory
from ..fs.sizes import free_bytes, shown_bytes
from ..postgres.dsn import Connection, address
from ..postgres.pinned import pinned
from ..volume.layout import Volume
from ..volume.lock import now_text
from .catalogue import Table, read_contract, read_portal_tables
from .content import relation_sum
from .fence import Ended, Patience, control_session, identifier_of, refuse_prepared
from .fenced import control_of, fenced
from .plan import QUARANTINE_UNIT, CarryPlan, plan_carry
from .proof import prove, sums_of, written
from .put import analyze, put_rows
from .quarantine import has_quarantine
from .record import Carried, Fenced, carried_record, carried_units, empty_carried_folder
from .sequences import read_counters
from .stream import FACTS, taken

_SIZES = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM unnest(%s::oid[]) AS oid"
_CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_ROOM = 2  # times what the rows take in production: the copy, and the room that the load needs for them


@dataclass(frozen=True)
class Servers:
    """Both servers, by superusers' connection strings, and the database whose rows are carried."""

    production: str
    staging: str
    database: str


@dataclass(frozen=True)
class Survey:
    """What would be carried now, and who is connected."""

    plan: CarryPlan
    rows: Mapping[str, int]
    seconds: float  # that counting took
    size: int  # bytes that the rows take in production
    connected: int


@dataclass(frozen=True)
class Result:
    """What was carried; ``lines`` are the report's, one for each table."""

    lines: tuple[str, ...]
    ended: tuple[Ended, ...]
    seconds: Mapping[str, float]
    rows: int
    warnings: tuple[str, ...] = ()


def survey(volume: Volume, servers: Servers, *, live: Path) -> Survey:
    """Say what would be carried now; changes nothing.

    Raises:
        Refusal: it could not be carried, with every reason.
    """
    with ExitStack() as stack:
        control, _ = stack.enter_context(control_of(servers.production, live, servers.database))
        refuse_prepared(control, servers.database)
        _refuse_same(control, stack.enter_context(closing(control_session(servers.staging))), servers)
        take = stack.enter_context(_session(servers.production, servers.database))
        put = stack.enter_context(_session(servers.staging, servers.database))
        tables, next_ = _tables(take, put)
        plan = plan_carry(tables, next_, "the load")
        _refuse(plan)
        began = time.monotonic()
        rows: dict[str, int] = {}
        for unit in plan.units:
            counted = relation_sum(take, unit.target, (), only=not unit.from_partitions).rows
            rows[unit.table] = rows.get(unit.table, 0) + counted
        seconds = time.monotonic() - began
        with take.cursor() as cursor:
            cursor.execute(_SIZES, ([oid for table in tables.values() for oid in table.oids],))
            size = int(cursor.fetchone()[0])
            cursor.execute(_CONNECTED, (servers.database,))
            connected = int(cursor.fetchone()[0])
    free = free_bytes(volume.root)
    if size * _ROOM > free:
        raise Refusal(
            f"{volume.root}: {shown_bytes(size)} of users' rows are carried, which needs {_ROOM} times their "
            f"size, and {shown_bytes(free)} are free: make room"
        )
    return Survey(plan, rows, seconds, size, connected)


def carry_over(
    volume: Volume, servers: Servers, *, live: Path, run: str, patience: Patience | None = None
) -> Result:
    """Fence production, and carry its users' rows into the load; production stays fenced.

    Args:
        volume: the volume; the records and a copy of the rows lie on it.
        servers: both servers.
        live: production's data directory.
        run: the run's id.
        patience: how long sessions are waited for.

    Raises:
        Refusal: the rows could not be carried, or are not proven; production is open again, the load is as it
            was.
    """
    with ExitStack() as stack:
        control, server = stack.enter_context(control_of(servers.production, live, servers.database))
        _refuse_same(control, stack.enter_context(closing(control_session(servers.staging))), servers)
        take, count = (stack.enter_context(_session(servers.production, servers.database)) for _ in range(2))
        put = stack.enter_context(_session(servers.staging, servers.database))
        intent = Fenced(run, server, servers.database, now_text(), taken=run)
        began = time.monotonic()
        with fenced(volume, control, intent, [take, count], patience or Patience()) as ended:
            made = _carry(volume, intent, take, count, put)
    seconds = {"carry_over": round(time.monotonic() - began, 3)}
    return Result(made[0], ended, seconds, made[1], made[2])


def _carry(
    volume: Volume, intent: Fenced, take: Connection, count: Connection, put: Connection
) -> tuple[tuple[str, ...], int, tuple[str, ...]]:
    folder = empty_carried_folder(volume, intent.taken)
    with take.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(FACTS)
        xmax, lsn = cursor.fetchone()
    tables, next_ = _tables(take, put)
    plan = plan_carry(tables, next_, "the load")
    _refuse(plan)
    units = (*plan.units, QUARANTINE_UNIT) if has_quarantine(take) else plan.units
    files = {unit: f"unit{number}" for number, unit in enumerate(units)}
    counters = read_counters(take, [oid for table in tables.values() for oid in table.oids])
    with ThreadPoolExecutor(1) as pool:
        summing = pool.submit(sums_of, count, plan.units)
        made = put_rows(
            put,
            units,
            next_,
            lambda unit: taken(take, unit, folder / files[unit]),
            counters=counters,
            run=intent.run,
        )
        sums = summing.result()
    lines = prove(sums, made, "the load")
    manifest = Carried(
        intent.taken,
        intent.server,
        intent.database,
        now_text(),
        xmax,
        lsn,
        carried_units(files),
        written(sums),
        counters,
    )
    carried_record(volume, intent.taken).write(manifest)
    sync_directory(folder)
    put.commit()
    put.autocommit = True
    analyze(put, plan.units)
    with put.cursor() as cursor:
        cursor.execute("CHECKPOINT")  # the stop that follows has less to write
    missing = tuple(
        f"the load has no sequence {name} of production's, by which no table counts" for name in made.missing
    )
    return lines, sum(found.rows for found in sums.values()), missing


def _tables(take: Connection, put: Connection) -> tuple[dict[str, Table], dict[str, Table]]:
    """Return the portal-owned tables of both databases, as the load's dataset owns them.

    One that only production's dataset called portal-owned, and that the load does not have, is among
    production's, so that it is told; one that has another owner now is not.
    """
    contract = read_contract(put)
    both = {**read_contract(take), **contract}
    next_ = read_portal_tables(put, both)
    tables = read_portal_tables(take, both)
    wanted = {name: table for name, table in tables.items() if name in contract or name not in next_}
    return wanted, {name: table for name, table in next_.items() if name in contract}


def _session(dsn: str, database: str) -> closing[Connection]:
    return closing(pinned(dsn, database, application_name="reingest carry"))


def _refuse_same(control: Connection, other: Connection, servers: Servers) -> None:
    if identifier_of(control) == identifier_of(other):
        raise Refusal(
            f"production ({address(servers.production)}) and staging ({address(servers.staging)}) are the "
            "same "
            "server: correct the connection strings"
        )


def _refuse(plan: CarryPlan) -> None:
    if plan.faults:
        raise Refusal("users' rows cannot be carried: " + "; ".join(plan.faults))
