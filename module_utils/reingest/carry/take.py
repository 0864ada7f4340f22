"""Take users' rows out of the server that is left for an earlier snapshot, onto the volume.

They are put into that snapshot's server once it runs (``give_back``). They hold as long as the server that
they were taken from stays fenced.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.durable import sync_directory
from ..postgres.control import read_control
from ..postgres.dsn import Connection
from ..postgres.pinned import pinned
from ..volume.layout import Volume
from ..volume.lock import now_text
from .catalogue import read_contract, read_portal_tables
from .content import RowSum
from .fence import Ended, Patience
from .fenced import control_of, fenced
from .plan import QUARANTINE_UNIT, plan_carry
from .proof import sums_of, written
from .quarantine import has_quarantine
from .record import Carried, Fenced, carried_record, carried_units, empty_carried_folder, write_fence
from .sequences import read_counters
from .stream import FACTS, keep


@dataclass(frozen=True)
class Taken:
    """What was taken, a line for each table, and whose sessions were ended for it."""

    lines: tuple[str, ...]
    ended: tuple[Ended, ...]
    rows: int


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
    with ExitStack() as stack:
        control, server = stack.enter_context(control_of(login, live, database))
        take = stack.enter_context(closing(pinned(login, database, application_name="reingest take")))
        intent = Fenced(run, server, database, now_text(), taken=taken)
        with fenced(volume, control, intent, [take], patience) as ended:
            sums = _keep(volume, intent, take)
            aim = read_control(target).system_identifier
            write_fence(volume, Fenced(run, aim, database, now_text(), carried=taken))
    lines = tuple(f"{table}: {found.rows:,} taken" for table, found in sums.items())
    return Taken(lines, ended, sum(found.rows for found in sums.values()))


def _keep(volume: Volume, intent: Fenced, take: Connection) -> dict[str, RowSum]:
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
