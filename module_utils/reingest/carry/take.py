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
from ..fs.durable import sync_directory
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
from .plan import plan_carry
from .proof import read_back, sums_of, written
from .quarantine import has_quarantine
from .record import (
    Carried,
    Fenced,
    carried_record,
    carried_units,
    empty_carried_folder,
    fence_record,
    write_fence,
)
from .sequences import read_counters
from .stream import FACTS, keep
from .unit import QUARANTINE_UNIT


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
            return Taken(_lines(there), (), {table: found.rows for table, found in there.items()})
        lift_fence(control, database)  # left by an attempt that died
        take = stack.enter_context(closing(pinned(login, database, application_name="reingest take")))
        intent = Fenced(run, server, database, now_text(), taken=taken)
        with fenced(volume, control, intent, [take], patience) as ended:
            sums = _keep(volume, intent, take)
            _aim(volume, run, target, database, taken)
    return Taken(_lines(sums), ended, {table: found.rows for table, found in sums.items()})


def _taken_before(volume: Volume, server: str, taken: str) -> dict[str, Content] | None:
    """Return what an attempt took that was not heard of; None where it died before."""
    fence, manifest = fence_record(volume, server).read(), carried_record(volume, taken).read()
    if fence is None or manifest is None or (fence.taken, manifest.server) != (taken, server):
        return None
    return read_back(manifest.sums)


def _aim(volume: Volume, run: str, target: Path, database: str, taken: str) -> None:
    """Write down for which server the rows are, before it serves."""
    server = read_control(target).system_identifier
    write_fence(volume, Fenced(run, server, database, now_text(), carried=taken))


def _lines(sums: Mapping[str, Content]) -> tuple[str, ...]:
    return tuple(f"take {table}: {found.rows:,} rows" for table, found in sums.items())


def _keep(volume: Volume, intent: Fenced, take: Connection) -> dict[str, Content]:
    folder = empty_carried_folder(volume, intent.taken)
    with take.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(FACTS)
        xmax, lsn = cursor.fetchone()
    tables = read_portal_tables(take, read_contract(take))
    plan = plan_carry(tables, tables, "the copy")
    if plan.faults:
        raise Refusal("users' rows cannot be taken: " + "; ".join(plan.faults))
    units = (*plan.units, QUARANTINE_UNIT) if has_quarantine(take) else plan.units
    files = {unit: f"unit{number}" for number, unit in enumerate(units)}
    for unit, file in files.items():
        keep(take, unit, folder / file)
    sums = sums_of(take, plan.units)
    counters = read_counters(take, [oid for table in tables.values() for oid in table.oids])
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
    return sums
