"""Pin a snapshot, so that no rule deletes it, and let it go again."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Refusal
from ..fs.no_follow import is_folder
from ..postgres.datadir import is_data_directory, read_data_directory
from ..volume import ledger as ledger_file
from ..volume.layout import Volume
from ..volume.ledger import Ledger, read_ledger
from ..volume.snapshot_id import checked


@dataclass(frozen=True)
class Pin:
    """Whether a snapshot is to be pinned."""

    snapshot: str
    pinned: bool  # afterwards
    changed: bool

    def did(self) -> list[str]:
        """Return the step as a sentence."""
        if not self.changed:
            return []
        return [f"pin snapshot {self.snapshot}" if self.pinned else f"unpin snapshot {self.snapshot}"]

    def diff(self) -> dict[str, str]:
        """Return whether it is pinned, before and after."""
        after = _shown(self.snapshot, self.pinned)
        return {"before": _shown(self.snapshot, not self.pinned) if self.changed else after, "after": after}


def plan_pin(volume: Volume, snapshot: str, *, pinned: bool) -> Pin:
    """Plan it.

    Raises:
        Refusal: the text is no id, or the ledger does not know the snapshot, or it is not on the volume (any
            more).
    """
    ledger, wanted = read_ledger(volume), "pinned" if pinned else "unpinned"
    checked(snapshot)
    there = [name for name in volume.snapshots() if ledger.knows(name)]
    if is_folder(volume.snapshot(snapshot)) and not ledger.knows(snapshot):
        raise Refusal(
            f"snapshot {snapshot} cannot be {wanted}: it is on the volume, but the ledger does not know it; "
            "adopt it first (until then no rule deletes it)"
        )
    if snapshot not in there and not _is_load(volume, ledger, snapshot):
        gone = "was pruned, its directory is gone" if ledger.pruned(snapshot) else "is not on the volume"
        raise Refusal(
            f"snapshot {snapshot} cannot be {wanted}: it {gone} (there are: {', '.join(there) or 'none'})"
        )
    return Pin(snapshot, pinned, ledger.pinned(snapshot) != pinned)


def apply_pin(volume: Volume, plan: Pin, *, run: str, operator: str, why: str = "") -> None:
    """Write it into the ledger."""
    state = ledger_file.PINNED if plan.pinned else ledger_file.UNPINNED
    ledger_file.append(volume, state, plan.snapshot, run=run, operator=operator, why=why)


def _is_load(volume: Volume, ledger: Ledger, snapshot: str) -> bool:
    """Return whether a snapshot is the finished load in ``ingest/``, which is not promoted yet."""
    if not is_data_directory(volume.ingest):
        return False
    entry = ledger.load_of(read_data_directory(volume.ingest).system_identifier)
    return entry is not None and entry.snapshot == snapshot


def _shown(snapshot: str, pinned: bool) -> str:
    return f"{snapshot}: {'pinned' if pinned else 'not pinned'}\n"
