"""Delete the snapshots that the retention rules let go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ..errors import Refusal
from ..services.occupancy import occupants, refuse_occupied
from . import ledger as ledger_file
from .durable import make_directory, sync_directory
from .journal import read_intent
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
        return [
            f"delete snapshot {name}" if taken_at(name) else "delete the load that a start over put aside"
            for name in (*self.leftovers, *self.delete)
        ]

    def diff(self) -> dict[str, str]:
        """Return the snapshots before and after."""
        before = sorted({*self.keep, *self.delete, *self.leftovers}, key=_taken)
        return {"before": "\n".join(before) + "\n", "after": "\n".join(self.keep) + "\n"}


def plan_pruning(
    volume: Volume,
    *,
    keep: int,
    keep_days: int,
    min_free: int,
    free: int,
    now: datetime,
    promoting: str = "",
    exclusive: bool = False,
) -> Pruning:
    """Decide what goes.

    The live snapshot, the one that a rollback would go to, and those that are in use or an open
    journal names always stay. Of the others the newest ``keep`` that were live stay, and those younger than
    ``keep_days``. Where less than ``min_free`` bytes are free, the count gives way, the age does not. A
    snapshot that failed is kept until a newer one is live.

    Args:
        volume: the volume.
        keep: how many earlier snapshots stay beside the live one (at least 1: the way back).
        keep_days: younger snapshots stay whatever their number.
        min_free: bytes that should be free.
        free: bytes that are free.
        now: the time.
        promoting: check mode: the snapshot that this run makes live, which is not there yet.
        exclusive: whether the snapshots are declared to be nobody else's, where that cannot be seen.

    Raises:
        Refusal: there would be no way back, or whether a snapshot is in use cannot be seen.
    """
    if keep < 1:
        raise Refusal(f"reingest_keep is {keep}: at least 1, or there is no way back")
    ledger, live = read_ledger(volume), promoting or volume.live()
    there = [name for name in volume.snapshots() if name != live]
    if live is None:
        return Pruning(tuple(there), (), _leftovers(volume))
    way_back = (volume.live() or "") if promoting else _way_back(volume)
    intent = read_intent(volume)
    stays = {way_back} | ({intent.snapshot, intent.previous} if intent is not None else set())
    # A snapshot that the ledger does not know was made by hand, and may well have served.
    ranked = [
        name
        for name in reversed(there)
        if name != way_back and ((ledger.was_live(name) and not ledger.bad(name)) or not ledger.knows(name))
    ]
    allowed = 1 if free < min_free else keep
    stays.update(ranked[: allowed - (1 if way_back in there else 0)])
    newest = _taken(live)
    stays.update(
        name for name in there if now - _taken(name) < timedelta(days=keep_days) or _taken(name) > newest
    )
    stays.update(name for name in there if name not in stays and occupants(volume.snapshot(name)))
    kept = [name for name in there if name in stays]
    going = tuple(name for name in there if name not in stays)
    for name in going:
        refuse_occupied(volume.snapshot(name), exclusive=exclusive)
    return Pruning(tuple(sorted([*kept, live], key=_taken)), going, _leftovers(volume))


def apply_pruning(volume: Volume, plan: Pruning, *, run: str, operator: str, exclusive: bool = False) -> None:
    """Delete: each snapshot leaves ``staging/`` by one rename first, so that none is ever half there.

    Args:
        volume: the volume.
        plan: what was planned.
        run: the run's id.
        operator: who runs it.
        exclusive: whether the snapshots are declared to be nobody else's, where that cannot be seen.

    Raises:
        Refusal: a snapshot that was to go is in use, or whether it is cannot be seen; nothing was deleted.
    """
    going = [name for name in plan.delete if volume.snapshot(name).is_dir()]
    for name in going:
        refuse_occupied(volume.snapshot(name), exclusive=exclusive)
    make_directory(volume.records, like=volume.root)
    make_directory(volume.trash, like=volume.root)
    for name in going:
        volume.snapshot(name).rename(volume.trash / name)
    if going:
        sync_directory(volume.trash)
        sync_directory(volume.staging)
    ledger = read_ledger(volume)
    for name in _leftovers(volume):
        if taken_at(name) and not ledger.pruned(name):  # else a load that never was a snapshot
            ledger_file.record(volume, ledger_file.PRUNED, name, run=run, operator=operator)
        shutil.rmtree(volume.trash / name)


def free_bytes(path: Path) -> int:
    """Return the bytes that are free on the volume."""
    return shutil.disk_usage(path).free


def _leftovers(volume: Volume) -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in volume.trash.iterdir())) if volume.trash.is_dir() else ()


def _way_back(volume: Volume) -> str:
    try:
        return previous_snapshot(volume)
    except Refusal:
        return ""


def _taken(name: str) -> datetime:
    return taken_at(name) or datetime.min.replace(tzinfo=timezone.utc)
