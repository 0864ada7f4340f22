"""Take users' rows out of the server that is left for an earlier snapshot, onto the volume.

They are put into that snapshot's server once it runs (``give_back``). They hold as long as the server that
they were taken from stays fenced.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..load.script import refused
from ..ownership.checksum import Content
from ..postgres.control import read_control
from ..postgres.dsn import Connection
from ..postgres.session import pinned
from ..volume.layout import Volume
from ..volume.lock import now_text
from .catalogue import read_contract, read_portal_tables
from .fence import Ended, Patience, is_fenced, lift_fence
from .fenced import control_of, fenced
from .named_objects import Stream, copy_objects, naming, objects_sum
from .plan import plan_carry
from .proof import read_back, sums_of
from .record import Fenced, carried_record, fence_record, write_fence
from .snapshot import begin_snapshot, snapshot_of, write_manifest
from .stream import copy_out, keep


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

    Raises:
        Refusal: the rows could not be taken; the server is open again.
    """
    with refused("taking users' rows", "the servers"), ExitStack() as stack:
        control, server = stack.enter_context(control_of(login, live, database))
        there = _taken_before(volume, server, taken) if is_fenced(control, database) else None
        if there is not None:
            _aim(volume, run, target, database, taken)
            return Taken(_lines(*there), (), {table: found.rows for table, found in there[0].items()})
        lift_fence(control, database)  # left by an attempt that died
        take = stack.enter_context(closing(pinned(login, database, application_name="reingest take")))
        intent = Fenced(run, server, database, now_text(), taken=taken)
        with fenced(volume, control, intent, [take], patience) as ended:
            sums, objects = _keep(volume, intent, take)
            _aim(volume, run, target, database, taken)
    return Taken(_lines(sums, objects), ended, {table: found.rows for table, found in sums.items()})


def _taken_before(volume: Volume, server: str, taken: str) -> tuple[dict[str, Content], int] | None:
    """Return what an attempt took that was not heard of; None where it died before."""
    fence, manifest = fence_record(volume, server).read(), carried_record(volume, taken).read()
    if fence is None or manifest is None or (fence.taken, manifest.server) != (taken, server):
        return None
    return read_back(manifest.sums), manifest.large_objects.rows


def _aim(volume: Volume, run: str, target: Path, database: str, taken: str) -> None:
    """Write down for which server the rows are, before it serves."""
    server = read_control(target).system_identifier
    write_fence(volume, Fenced(run, server, database, now_text(), carried=taken))


def _lines(sums: Mapping[str, Content], objects: int) -> tuple[str, ...]:
    lines = [f"take {table}: {found.rows:,} rows" for table, found in sums.items()]
    return (*lines, f"take large objects: {objects:,}") if objects else tuple(lines)


def _keep(volume: Volume, intent: Fenced, take: Connection) -> tuple[dict[str, Content], int]:
    facts = begin_snapshot(take)
    tables = read_portal_tables(take, read_contract(take))
    plan = plan_carry(tables, tables, "the copy")
    if plan.faults:
        raise Refusal("users' rows cannot be taken: " + "; ".join(plan.faults))
    snapshot = snapshot_of(volume, intent, take, facts, plan, tables)
    for unit in snapshot.files:
        keep(take, copy_out(unit), snapshot.path(unit))
    for stream in Stream if naming(plan.units) else ():
        keep(take, copy_objects(take, plan.units, stream), snapshot.folder / stream.value)
    sums, objects = sums_of(take, plan.units), objects_sum(take, plan.units)
    write_manifest(volume, intent, snapshot, sums, objects)
    return sums, objects.rows
