"""The one snapshot that rows are taken from, under the fence, and the manifest of what was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..fs.durable import sync_directory
from ..ownership.checksum import Content
from ..postgres.dsn import Connection
from ..volume.layout import Volume
from ..volume.lock import now_text
from .catalogue import Table
from .plan import CarryPlan
from .proof import written
from .quarantine import has_quarantine
from .record import (
    Carried,
    CarriedDatabase,
    Fenced,
    Stored,
    TableSum,
    carried_folder,
    carried_record,
    carried_units,
)
from .sequences import read_counters
from .storage import read_stored
from .unit import QUARANTINE_UNIT, Counter, Unit

# No transaction that wrote has this number or a higher one, and nothing was written behind this place.
_FACTS = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text, pg_current_wal_insert_lsn()::text"


@dataclass(frozen=True)
class Snapshot:
    """What is taken, and into which file of the folder each unit's rows go."""

    xmax: str
    lsn: str
    folder: Path
    files: Mapping[Unit, str]
    counters: tuple[Counter, ...]
    stored: tuple[Stored, ...]

    def path(self, unit: Unit) -> Path:
        """Return the file of a unit."""
        return self.folder / self.files[unit]


def begin_snapshot(take: Connection) -> tuple[str, str]:
    """Begin the transaction that rows are taken in; return its xmax and the place in the WAL."""
    with take.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute(_FACTS)
        xmax, lsn = cursor.fetchone()
    return xmax, lsn


def snapshot_of(
    volume: Volume,
    intent: Fenced,
    take: Connection,
    facts: tuple[str, str],
    plan: CarryPlan,
    tables: Mapping[str, Table],
) -> Snapshot:
    """Return what the plan takes, the quarantine where there is one, into the run's folder."""
    units = (*plan.units, QUARANTINE_UNIT) if has_quarantine(take) else plan.units
    return Snapshot(
        *facts,
        carried_folder(volume, intent.taken),
        {unit: f"unit{number}" for number, unit in enumerate(units)},
        read_counters(take, [oid for table in tables.values() for oid in table.oids]),
        read_stored(take, tables, plan.units),
    )


def write_manifest(
    volume: Volume,
    intent: Fenced,
    snapshot: Snapshot,
    sums: Mapping[str, Content],
    objects: Content,
    databases: tuple[CarriedDatabase, ...],
) -> Carried:
    """Write down what was taken, once all of it is on disk."""
    manifest = Carried(
        intent.taken,
        intent.server,
        intent.database,
        now_text(),
        snapshot.xmax,
        snapshot.lsn,
        carried_units(snapshot.files),
        written(sums),
        snapshot.counters,
        TableSum(objects.rows, str(objects.checksum)),
        snapshot.stored,
        databases,
    )
    carried_record(volume, intent.taken).write(manifest)
    sync_directory(snapshot.folder)
    return manifest
