"""Carry users' rows from the server that is about to stop into the one that is about to serve.

Fence, take, put and proof are one call, because its sessions must not end in between: whoever left could not
come back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import Refusal
from ..frame.bring import bring_roles
from ..load.script import refused
from ..ownership.checksum import Content
from ..postgres.dsn import Connection, address
from ..postgres.session import pinned
from ..volume.layout import Volume
from ..volume.lock import now_text
from ..volume.pending_views import note_pending
from .catalogue import Table, read_contract, read_portal_tables
from .databases import Server, put_database, read_databases, server_of, take_databases
from .fence import Ended, Patience, control_session, identifier_of
from .fenced import begin_anew, control_of, fenced
from .laps import Laps
from .named_objects import copy_objects, objects_sum, told_of_objects
from .plan import CarryPlan, plan_carry
from .proof import prove, prove_objects, sums_of
from .put import Source, finish, put_rows
from .record import CarriedDatabase, Fenced, empty_carried_folder, fence_record, fences_of
from .renaming import drop_copies
from .snapshot import begin_snapshot, snapshot_of, write_manifest
from .stream import copy_out, taken
from .survey_databases import survey_databases
from .unit import Unit


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
    did: tuple[str, ...] = ()  # beside that: roles that had changed since the load, transforms run again
    warnings: tuple[str, ...] = ()
    later: tuple[str, ...] = ()  # materialised views that are refreshed once the window is closed


def carry_over(
    volume: Volume, servers: Servers, *, live: Path, run: str, patience: Patience | None = None
) -> Result:
    """Fence production, and carry its roles and its users' rows into the load; production stays fenced.

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
        begin_anew(volume, control, server, servers.database)
        other = stack.enter_context(closing(control_session(servers.staging)))
        refuse_same(control, other, servers)
        take, count = (stack.enter_context(_session(servers.production, servers.database)) for _ in range(2))
        put = stack.enter_context(_session(servers.staging, servers.database))
        names = read_databases(put)
        survey_databases(control, servers.production, names, serves=other, strict=True)
        patience = patience or Patience()
        leaves = server_of(control, servers.production, names, patience) if names else None
        serves = server_of(other, servers.staging, names, patience) if names else None
        intent = Fenced(run, server, servers.database, now_text(), taken=run, databases=fences_of(names))
        laps = Laps()
        with fenced(volume, control, intent, [take, count], patience) as ended:
            laps.end("fence")
            roles = bring_roles(servers.production, servers.staging, last=True)
            laps.end("roles")
            folder = empty_carried_folder(volume, run)
            databases = take_databases(leaves, intent.databases, folder)
            whole = _put_databases(volume, serves, databases, folder)
            laps.end("other databases")
            made = _carry(volume, intent, take, count, put, laps, databases)
    failed = tuple(f"production's roles are not brought over whole: {one}" for one in roles.failed)
    return replace(
        made,
        lines=(*made.lines, *whole),
        ended=ended,
        seconds=laps.seconds,
        did=(*roles.did, *made.did),
        warnings=made.warnings + failed,
    )


def _put_databases(
    volume: Volume, server: Server | None, databases: Sequence[CarriedDatabase], folder: Path
) -> list[str]:
    """Put other databases into the load, before its own rows are: each replaces what an attempt left."""
    if server is None:
        return []
    record = fence_record(volume, identifier_of(server.control)).read()
    drop_copies(server.control, but=[other.hidden for other in record.databases] if record else [])
    return [put_database(server, one, folder / one.file, opened=True, where="the load") for one in databases]


def _carry(
    volume: Volume,
    intent: Fenced,
    take: Connection,
    count: Connection,
    put: Connection,
    laps: Laps,
    databases: tuple[CarriedDatabase, ...],
) -> Result:
    facts = begin_snapshot(take)
    tables, next_ = portal_tables(take, put)
    plan = plan_carry(tables, next_, "the load")
    refuse_faults(plan)
    snapshot = snapshot_of(volume, intent, take, facts, plan, tables)
    with ThreadPoolExecutor(1) as pool:
        summing = pool.submit(_sums, count, plan.units)
        made = put_rows(
            put,
            tuple(snapshot.files),
            next_,
            Source(
                lambda unit: taken(take, copy_out(unit), snapshot.path(unit)),
                lambda stream: taken(
                    take, copy_objects(take, plan.units, stream), snapshot.folder / stream.value
                ),
            ),
            counters=snapshot.counters,
            run=intent.run,
            laps=laps,
        )
        sums, objects, told = summing.result()
        laps.end("proof")
    lines = prove(sums, made, "the load")
    lines += prove_objects(plan.units, objects, made, "the load")
    write_manifest(volume, intent, snapshot, sums, objects, databases)
    laps.end("manifest")
    note_pending(volume, identifier_of(put), intent.database, made.later, run=intent.run)
    put.commit()
    finish(put, plan.units, made.views)
    with put.cursor() as cursor:
        cursor.execute("CHECKPOINT")  # the stop that follows has less to write
    laps.end("commit, analyze, checkpoint")
    missing = tuple(
        f"the load has no sequence {name} of production's, by which no table counts" for name in made.missing
    )
    rows = {table: found.rows for table, found in sums.items()}
    did = tuple(f"run transform {name} again" for name in made.again)
    warnings = (*missing, *told, *made.of_objects.told)
    return Result(lines, (), {}, rows, did, warnings, made.later)


def _sums(count: Connection, units: Sequence[Unit]) -> tuple[dict[str, Content], Content, tuple[str, ...]]:
    """Return what rows and large objects sum up to, and what a person should know of these."""
    return sums_of(count, units), objects_sum(count, units), told_of_objects(count, units)


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
