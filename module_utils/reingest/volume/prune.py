"""Delete the snapshots that the retention rules let go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ..errors import Refusal
from ..postgres.datadir import processes_in
from . import ledger as ledger_file
from .durable import make_directory, sync_directory
from .layout import Volume
from .ledger import read_ledger
from .promote import previous_snapshot
from .snapshot_id import taken_at


@dataclass(frozen=True)
class Pruning:
    """Which snapshots stay and which go, oldest first."""

    keep: tuple[str, ...]
    delete: tuple[str, ...]
    leftovers: tuple[str, ...]  # deletions that a crash interrupted

    @property
    def changed(self) -> bool:
        """Whether anything is to be deleted."""
        return bool(self.delete or self.leftovers)

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        return [f"delete snapshot {name}" for name in (*self.leftovers, *self.delete)]

    def diff(self) -> dict[str, str]:
        """Return the snapshots before and after."""
        before = sorted({*self.keep, *self.delete, *self.leftovers})
        return {"before": "\n".join(before) + "\n", "after": "\n".join(self.keep) + "\n"}


def plan_pruning(
    volume: Volume, *, keep: int, keep_days: int, min_free: int, free: int, now: datetime, promoting: str = ""
) -> Pruning:
    """Decide what goes.

    The live snapshot and the one that a rollback would go to always stay. Of the others the newest ``keep`` that were live
    stay, and those younger than ``keep_days``. Where less than ``min_free`` bytes are free, the count gives way, the age does
    not. A snapshot that failed is kept until a newer one is live.

    Args:
        volume: the volume.
        keep: how many earlier snapshots stay beside the live one (at least 1: the way back).
        keep_days: younger snapshots stay whatever their number.
        min_free: bytes that should be free.
        free: bytes that are free.
        now: the time.
        promoting: check mode: the snapshot that this run makes live, which is not there yet.
    """
    if keep < 1:
        raise Refusal(f"reingest_keep is {keep}: at least 1, or there is no way back")
    ledger, live = read_ledger(volume), promoting or volume.live()
    there = [name for name in volume.snapshots() if name != live]
    if live is None:
        return Pruning(tuple(there), (), _leftovers(volume))
    try:
        way_back = (volume.live() or "") if promoting else previous_snapshot(volume)
    except Refusal:
        way_back = ""
    allowed = 1 if free < min_free else keep
    ranked = sorted((n for n in there if ledger.served(n) and n != way_back), key=lambda name: str(taken_at(name)), reverse=True)
    stays = {way_back, *ranked[: max(0, allowed - (1 if way_back in there else 0))]}
    for name in there:
        taken = taken_at(name)
        young = taken is not None and now - taken < timedelta(days=keep_days)
        newer = taken is not None and str(taken) > str(taken_at(live))
        if young or newer:
            stays.add(name)
    delete = tuple(name for name in there if name not in stays)
    kept = tuple(name for name in [*there, live] if name not in delete)
    return Pruning(tuple(sorted(kept)), delete, _leftovers(volume))


def apply_pruning(volume: Volume, plan: Pruning, *, run: str, operator: str) -> None:
    """Delete: each snapshot leaves ``staging/`` by one rename first, so that half of one is never taken for a whole.

    Raises:
        Refusal: a process works in a snapshot that was to go; nothing was deleted then.
    """
    for name in plan.delete:
        users = processes_in(volume.snapshot(name))
        if users:
            raise Refusal(f"{volume.snapshot(name)} is in use by process {users[0]}: stop it, then prune again")
    make_directory(volume.trash, like=volume.root)
    for name in plan.delete:
        volume.snapshot(name).rename(volume.trash / name)
        sync_directory(volume.staging)
        ledger_file.record(volume, ledger_file.PRUNED, name, run=run, operator=operator)
    for name in (*plan.leftovers, *plan.delete):
        shutil.rmtree(volume.trash / name)


def free_bytes(path: Path) -> int:
    """Return the bytes that are free on the volume."""
    return shutil.disk_usage(path).free


def _leftovers(volume: Volume) -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in volume.trash.iterdir())) if volume.trash.is_dir() else ()
