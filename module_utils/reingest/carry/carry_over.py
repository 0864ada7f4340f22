"""Carry users' rows from the server that is about to stop into the one that is about to serve.

Fence, take, put and proof are one call, because its sessions must not end in between: whoever left could not
come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..load.script import refused
from ..postgres.dsn import Connection, address
from ..postgres.session import pinned
from ..volume.layout import Volume
from ..volume.lock import now_text
from .catalogue import Table, read_contract, read_portal_tables
from .fence import Ended, Patience, control_session, identifier_of, is_fenced, lift_fence
from .fenced import control_of, fenced
from .laps import Laps
from .plan import CarryPlan, plan_carry
from .proof import prove, sums_of
from .put import analyze, put_rows
from .record import Fenced
from .snapshot import begin_snapshot, snapshot_of, write_manifest
from .stream import taken


@dataclass(frozen=True)
class Servers:
    """Both servers, by superusers' connection strings, and the database whose rows are carried."""

    production: str
    staging: str
    database: str


@dataclass(frozen=True)
class Result:
    """What was carried; ``lines`` are the report's, one for each table."""

    lines: tuple[str, ...]
    ended: tuple[Ended, ...]
    seconds: Mapping[str, float]
    rows: Mapping[str, int]
    warnings: tuple[str, ...] = ()


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
    with refused("carrying users' rows", "the servers"), ExitStack() as stack:
        control, server = stack.enter_context(control_of(servers.production, live, servers.database))
        if is_fenced(control, servers.database):
            lift_fence(control, servers.database)  # by this very step, started a second time: it begins anew
        refuse_same(control, stack.enter_context(closing(control_session(servers.staging))), servers)
        take, count = (stack.enter_context(_session(servers.production, servers.database)) for _ in range(2))
        put = stack.enter_context(_session(servers.staging, servers.database))
        intent = Fenced(run, server, servers.database, now_text(), taken=run)
        laps = Laps()
        with fenced(volume, control, intent, [take, count], patience or Patience()) as ended:
            laps.end("fence")
            made = _carry(volume, intent, take, count, put, laps)
    return Result(made[0], ended, laps.seconds, made[1], made[2])


def _carry(
    volume: Volume, intent: Fenced, take: Connection, count: Connection, put: Connection, laps: Laps
) -> tuple[tuple[str, ...], dict[str, int], tuple[str, ...]]:
    facts = begin_snapshot(take)
    tables, next_ = portal_tables(take, put)
    plan = plan_carry(tables, next_, "the load")
    refuse_faults(plan)
    snapshot = snapshot_of(volume, intent, take, facts, plan, tables)
    with ThreadPoolExecutor(1) as pool:
        summing = pool.submit(sums_of, count, plan.units)
        made = put_rows(
            put,
            tuple(snapshot.files),
            next_,
            lambda unit: taken(take, unit, snapshot.path(unit)),
            counters=snapshot.counters,
            run=intent.run,
            laps=laps,
        )
        sums = summing.result()
        laps.end("proof")
    lines = prove(sums, made, "the load")
    write_manifest(volume, intent, snapshot, sums)
    laps.end("manifest")
    put.commit()
    put.autocommit = True
    analyze(put, plan.units, made.views)
    with put.cursor() as cursor:
        cursor.execute("CHECKPOINT")  # the stop that follows has less to write
    laps.end("commit, analyze, checkpoint")
    missing = tuple(
        f"the load has no sequence {name} of production's, by which no table counts" for name in made.missing
    )
    return lines, {table: found.rows for table, found in sums.items()}, missing


def portal_tables(take: Connection, put: Connection) -> tuple[dict[str, Table], dict[str, Table]]:
    """Return the portal-owned tables of both databases, as the load's dataset owns them.

    One that only production's dataset called portal-owned, and that the load does not have, is among
    production's, so that the plan refuses it; one that has another owner now is not.
    """
    contract = read_contract(put)
    both = {**read_contract(take), **contract}
    next_ = read_portal_tables(put, both)
    tables = read_portal_tables(take, both)
    wanted = {name: table for name, table in tables.items() if name in contract or name not in next_}
    return wanted, {name: table for name, table in next_.items() if name in contract}


def _session(dsn: str, database: str) -> closing[Connection]:
    return closing(pinned(dsn, database, application_name="reingest carry"))


def refuse_same(control: Connection, other: Connection, servers: Servers) -> None:
    """Refuse to carry rows from a server to itself.

    Raises:
        Refusal: that is so.
    """
    if identifier_of(control) == identifier_of(other):
        raise Refusal(
            f"production ({address(servers.production)}) and staging ({address(servers.staging)}) are the "
            "same server: correct the connection strings"
        )


def refuse_faults(plan: CarryPlan) -> None:
    """Refuse rows that the database which is to serve cannot hold.

    Raises:
        Refusal: with every reason.
    """
    if plan.faults:
        raise Refusal("users' rows cannot be carried: " + "; ".join(plan.faults))
