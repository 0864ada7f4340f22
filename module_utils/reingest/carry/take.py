"""Take users' rows out of the server that is left for an earlier snapshot, onto the volume, and its roles.

They are put into that snapshot's server once it runs (``give_back``). Rows hold as long as the server that
they were taken from stays fenced.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from ..errors import Refusal
from ..frame.kept_roles import keep_roles
from ..load.script import refused
from ..ownership.checksum import Content
from ..postgres.control import read_control
from ..postgres.dsn import Connection
from ..postgres.session import pinned
from ..volume.layout import Volume
from ..volume.lock import now_text
from .catalogue import read_contract, read_portal_tables
from .contents import shown_contents
from .databases import read_databases, server_of, take_databases
from .fence import Ended, Patience, is_fenced
from .fenced import begin_anew, control_of, fenced
from .named_objects import Stream, copy_objects, naming, objects_sum
from .plan import plan_carry
from .proof import read_back, sums_of
from .record import (
    Carried,
    CarriedDatabase,
    Fenced,
    OtherFence,
    carried_record,
    empty_carried_folder,
    fence_in,
    fence_record,
    fences_of,
    write_fence,
)
from .snapshot import begin_snapshot, snapshot_of, write_manifest
from .stream import copy_out, keep
from .unit import Unit

_SESSIONS = 3  # two that take, and one that sums up meanwhile: as much as two cores do at once


@dataclass(frozen=True)
class Taken:
    """What was taken, a line for each table, and whose sessions were ended for it."""

    lines: tuple[str, ...]
    ended: tuple[Ended, ...]
    rows: Mapping[str, int]


def take_rows(
    volume: Volume,
    login: str,
    database: str,
    *,
    live: Path,
    target: Path,
    run: str,
    taken: str,
    patience: Patience,
    databases: Collection[str] = (),
) -> Taken:
    """Fence the server that serves and keep its users' rows on the volume; it stays fenced.

    Args:
        volume: the volume.
        login: a superuser's connection string of that server.
        database: the portal's database.
        live: its data directory.
        target: the data directory that is to serve: its database gets the rows before it is opened.
        run: the run that takes them.
        taken: under which id they lie in ``runs/``.
        patience: how long sessions are waited for.
        databases: other databases that are carried whole, beside those that its own load names.

    Raises:
        Refusal: the rows could not be taken; the server is open again.
    """
    with refused("taking users' rows", "the servers"), ExitStack() as stack:
        control, server = stack.enter_context(control_of(login, live, database))
        there = _taken_before(volume, server, taken) if is_fenced(control, database) else None
        if there is not None:
            _aim(volume, run, target, there)
            return _told(there, ())
        begin_anew(volume, control, server, database)
        load = _load_of(volume, target)
        sessions = [stack.enter_context(_session(login, database)) for _ in range(_SESSIONS)]
        take = sessions[0]
        known = read_databases(take) if load is None else [other.name for other in load.databases]
        names = [name for name in {*databases, *known} if is_fenced(control, name) is not None]
        take.rollback()
        whole = server_of(control, login, names, patience) if names else None
        others = fences_of(sorted(names))
        intent = Fenced(run, server, database, now_text(), taken=taken, databases=others)
        with fenced(volume, control, intent, sessions, patience) as ended:
            folder = empty_carried_folder(volume, taken)
            archives = take_databases(whole, others, folder)
            made = _keep(volume, intent, sessions, archives, login, load)
            _aim(volume, run, target, made)
    return _told(made, ended)


def _load_of(volume: Volume, target: Path) -> Fenced | None:
    """Return the fence of a load that was copied to where it is promoted; None of what served before."""
    record = fence_in(volume, target)
    return record if record is not None and record.load else None


def _taken_before(volume: Volume, server: str, taken: str) -> Carried | None:
    """Return what an attempt took that was not heard of; None where it died before."""
    fence, manifest = fence_record(volume, server).read(), carried_record(volume, taken).read()
    if fence is None or manifest is None or (fence.taken, manifest.server) != (taken, server):
        return None
    return manifest


def _aim(volume: Volume, run: str, target: Path, made: Carried) -> None:
    """Write down for which server the rows are, before it serves; a name that a killed run gave it stays."""
    server = read_control(target).system_identifier
    before = fence_record(volume, server).read() or Fenced(run, server, made.database, now_text())
    others = {other.name: other for other in before.databases}
    for one in made.databases:
        others.setdefault(one.name, OtherFence(one.name, ""))
    fence = replace(before, run=run, database=made.database, since=now_text(), taken="", carried=made.run)
    write_fence(volume, replace(fence, databases=tuple(others.values())))


def _told(made: Carried, ended: tuple[Ended, ...]) -> Taken:
    sums = read_back(made.sums)
    lines = [f"{table}: {found.rows:,} rows" for table, found in sums.items()]
    lines += [shown_contents(one.name, read_back(one.sums)) for one in made.databases]
    objects = made.large_objects.rows
    lines += [f"large objects: {objects:,}"] if objects else []
    rows = {table: found.rows for table, found in sums.items()}
    return Taken(tuple(f"take {line}" for line in lines), ended, rows)


def _keep(
    volume: Volume,
    intent: Fenced,
    sessions: Sequence[Connection],
    databases: tuple[CarriedDatabase, ...],
    login: str,
    load: Fenced | None,
) -> Carried:
    take, *others, count = sessions
    facts = begin_snapshot(take)
    tables = read_portal_tables(take, read_contract(take) if load is None else load.portal)
    plan = plan_carry(tables, tables, "the copy")
    if plan.faults:
        raise Refusal("users' rows cannot be taken: " + "; ".join(plan.faults))
    snapshot = snapshot_of(volume, intent, take, facts, plan, tables)
    # Nobody writes: what another session sees are the same rows.
    free: SimpleQueue[Connection] = SimpleQueue()
    for session in (take, *others):
        free.put(session)

    def keep_unit(unit: Unit) -> None:
        session = free.get()
        try:
            keep(session, copy_out(unit), snapshot.path(unit))
        finally:
            free.put(session)

    with ThreadPoolExecutor(len(sessions)) as pool:
        summing = pool.submit(_sums, count, plan.units)
        keep_roles(snapshot.folder, login)
        list(pool.map(keep_unit, snapshot.files))
        for stream in Stream if naming(plan.units) else ():
            keep(take, copy_objects(take, plan.units, stream), snapshot.folder / stream.value)
        sums, objects = summing.result()
    return write_manifest(volume, intent, snapshot, sums, objects, databases)


def _sums(count: Connection, units: Sequence[Unit]) -> tuple[dict[str, Content], Content]:
    return sums_of(count, units), objects_sum(count, units)


def _session(login: str, database: str) -> closing[Connection]:
    return closing(pinned(login, database, application_name="reingest take"))
