"""Finish a load outside the window: frozen, on disk, and with a record of that in the ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import Refusal
from ..fs.no_follow import is_folder, is_there
from ..fs.sizes import TreeSize
from ..fs.tree import sync_tree
from ..postgres.collations import made_by
from ..postgres.datadir import is_data_directory, read_data_directory, wal_faults
from ..postgres.maintenance import Shown, ask_server, checkpoint, freeze, refuse_unsafe
from ..postgres.settings import LOAD_CONF, setting_faults
from ..promotion.candidate import live_directory, loading_faults
from ..promotion.collations import collations_detail
from ..promotion.finalised import FinaliseRecord, record_faults, record_of
from ..volume import ledger as ledger_file
from ..volume.layout import Volume
from ..volume.ledger import read_ledger
from ..volume.lock import now_text
from ..volume.unsynced import Unsynced, clear_mark, is_lost, mark_of


@dataclass(frozen=True)
class Finalised:
    """A load and the directory that it lies in."""

    snapshot: str
    system_identifier: str
    changed: bool
    mark: Unsynced | None = None  # of a load without fsync, which is synced now

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        if not self.changed:
            return []
        return ["vacuum and sync the load", f"write load {self.snapshot} into the ledger"]


def refuse_taken(volume: Volume, snapshot: str) -> None:
    """Refuse a load under the id of a snapshot that is there already.

    Raises:
        Refusal: ``staging/`` has that snapshot.
    """
    if is_folder(volume.snapshot(snapshot)):
        raise Refusal(
            f"the load cannot be named {snapshot}: {volume.snapshot(snapshot)} is there already; "
            "leave reingest_snapshot out, or give another time"
        )


def plan_finalise(volume: Volume, snapshot: str, system_identifier: str, *, dry: bool = False) -> Finalised:
    """Plan it.

    Args:
        volume: the volume.
        snapshot: the load's id.
        system_identifier: what the staging server told the worker; empty in check mode where it did not run.
        dry: check mode: a load that comes before this step is taken as done, and ``ingest/`` may be empty.

    Raises:
        Refusal: the cluster in ``ingest/`` is not the one that was loaded (another volume or server), the id
            is taken, its settings for the load are still there, its WAL is less than production's, or other
            settings of the directory would cost its rows in a power cut.
    """
    refuse_taken(volume, snapshot)
    if dry and (not is_data_directory(volume.ingest) or is_lost(volume)):
        return Finalised(snapshot, system_identifier, changed=True)
    found = read_data_directory(volume.ingest)
    if found.system_identifier != system_identifier and not (dry and not system_identifier):
        raise Refusal(
            f"{volume.ingest} is not the data directory of the staging server that was loaded (system "
            f"identifier {found.system_identifier}, the server says {system_identifier}): correct "
            "reingest_volume or reingest_staging_dsn"
        )
    mark = mark_of(volume, found.system_identifier)
    faults = setting_faults(volume.ingest, without=LOAD_CONF)
    if not dry and (mark is None or not mark.ended or is_there(volume.ingest / LOAD_CONF)):
        faults += loading_faults(volume, found)
    if not dry or mark is None:  # else the run restarts the server with other settings first
        live = "" if volume.dangles() else volume.live() or ""
        faults += wal_faults(found, live_directory(volume, live), running=True)
    if faults:
        raise Refusal(f"{volume.ingest} cannot be finalised: " + "; ".join(faults))
    entry = read_ledger(volume).load_of(found.system_identifier)
    kept = entry is not None and entry.snapshot == snapshot and not record_faults(found, record_of(entry))
    return Finalised(snapshot, system_identifier, not kept or mark is not None, mark)


@dataclass(frozen=True)
class Cluster:
    """What the ledger keeps of a load's cluster, as it was when all of it was on disk."""

    record: FinaliseRecord
    major: str
    catalog_version: int
    size: TreeSize
    collations: Mapping[str, list[str]]  # by which versions its indexes are sorted

    def detail(self) -> dict[str, Any]:
        """Return it as the ledger keeps it: the size in blocks, which tells what the next load needs."""
        return {
            "major": self.major,
            "catalog_version": self.catalog_version,
            "bytes": self.size.bytes,
            "largest": self.size.largest,
            **collations_detail(self.collations),
            **self.record.detail(),
        }


def finalise_cluster(volume: Volume, plan: Finalised, staging_dsn: str) -> tuple[Cluster, dict[str, float]]:
    """Freeze and checkpoint the load while its server runs, and sync its whole tree.

    Args:
        volume: the volume.
        plan: what ``plan_finalise`` returned.
        staging_dsn: the login to the staging server on this host.

    Returns:
        What the ledger keeps of it, and how long each part took, in seconds.

    Raises:
        Refusal: the server that answers has another directory, runs without fsync or full_page_writes, or was
            not restarted since its settings for the load were taken away; a table cannot be vacuumed, or the
            disk refuses a file.
    """
    _refuse_other_server(volume, plan, staging_dsn)
    times = [time.monotonic()]
    freeze(staging_dsn)
    times.append(time.monotonic())
    checkpoint(staging_dsn)
    found = read_data_directory(volume.ingest)
    times.append(time.monotonic())
    size = sync_tree(volume.ingest)
    times.append(time.monotonic())
    parts = zip(("vacuum", "checkpoint", "sync"), times, times[1:])
    seconds = {name: round(end - begin, 3) for name, begin, end in parts}
    # Asked again: a setting that somebody changed meanwhile must not be recorded as it was.
    shown = _refuse_other_server(volume, plan, staging_dsn)
    started = shown.started.isoformat(timespec="seconds")
    control = found.control
    record = FinaliseRecord(control.checkpoint_lsn, control.timeline, shown.settings, now_text(), started)
    made = made_by(staging_dsn)
    return Cluster(record, found.major, control.catalog_version, size, made), seconds


def apply_finalise(
    volume: Volume,
    plan: Finalised,
    cluster: Cluster,
    *,
    run: str,
    operator: str,
    load: Mapping[str, Any],
) -> None:
    """Write the line: what was loaded, from what, by whom, and by what it is known to be whole on disk.

    Only then the mark goes: a run that dies between the two is taken as one that did not sync.
    """
    detail = {"system_identifier": plan.system_identifier, **load, **cluster.detail()}
    ledger_file.append(volume, ledger_file.LOADED, plan.snapshot, run=run, operator=operator, detail=detail)
    if plan.mark is not None:
        clear_mark(volume)


def _refuse_other_server(volume: Volume, plan: Finalised, staging_dsn: str) -> Shown:
    shown = ask_server(staging_dsn)
    if shown.system_identifier != plan.system_identifier:
        raise Refusal(
            f"the server that answers on this host for the staging server has system identifier "
            f"{shown.system_identifier}, {volume.ingest} has {plan.system_identifier}: correct "
            "reingest_staging_dsn of this host"
        )
    if plan.mark is not None and shown.started <= datetime.fromisoformat(plan.mark.ended):
        raise Refusal(
            f"the staging server of {volume.ingest} still runs with its settings for the load: started at "
            f"{shown.started.isoformat()}, they were taken away at {plan.mark.ended}; run load.yml, which "
            "restarts it"
        )
    refuse_unsafe(staging_dsn, shown)
    return shown
