"""Where things lie on the volume."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.no_follow import is_empty, is_folder, is_link, is_there, listed, read_link
from . import snapshot_id


@dataclass(frozen=True)
class Volume:
    """The shared volume: data directories, the link to the live one, and reingest's own records."""

    root: Path

    @property
    def ingest(self) -> Path:
        """The data directory of the staging server."""
        return self.root / "ingest"

    @property
    def staging(self) -> Path:
        """The folder of the promoted loads."""
        return self.root / "staging"

    @property
    def prod(self) -> Path:
        """The link to the live snapshot; the data directory of the production server."""
        return self.root / "prod"

    @property
    def records(self) -> Path:
        """Ledger, journal, lock and runs."""
        return self.root / ".reingest"

    @property
    def ledger(self) -> Path:
        """One line for every load, promotion, undo and pruning."""
        return self.records / "ledger.jsonl"

    @property
    def journal(self) -> Path:
        """What a promotion, or its undo, is about to do, written before it is done."""
        return self.records / "journal.json"

    @property
    def claim(self) -> Path:
        """Which run has the volume."""
        return self.records / "claim.json"

    @property
    def unsynced(self) -> Path:
        """Which cluster in ``ingest/`` was written to without fsync, and not synced since."""
        return self.records / "unsynced.json"

    @property
    def fresh(self) -> Path:
        """The next, empty ``ingest/``, where the kernel cannot exchange two directories."""
        return self.records / "fresh"

    @property
    def adopting(self) -> Path:
        """Which snapshot a real ``prod`` directory is becoming."""
        return self.records / "adopting.json"

    @property
    def adopted(self) -> Path:
        """What lay in ``ingest/`` and belongs to no cluster, by the run that found it."""
        return self.records / "adopted"

    @property
    def reserve(self) -> Path:
        """Room that is kept for the records on a full disk."""
        return self.records / "reserve"

    @property
    def times(self) -> Path:
        """How long services took to start and to stop."""
        return self.records / "times.json"

    @property
    def trash(self) -> Path:
        """Snapshots on their way out: out of sight first, then deleted."""
        return self.records / "trash"

    def run(self, run: str) -> Path:
        """Return the folder of one run."""
        return self.records / "runs" / run

    def snapshot(self, name: str) -> Path:
        """Return the data directory of a snapshot."""
        return self.staging / snapshot_id.checked(name)

    def snapshots(self) -> list[str]:
        """Return the ids of what lies in ``staging/``, oldest first.

        An empty directory is the place that a promotion makes ready, and a link is nothing of this volume's.
        """
        if not is_folder(self.staging):
            return []
        found = [
            name
            for name in listed(self.staging)
            if snapshot_id.taken_at(name) and _holds_something(self.staging / name)
        ]
        return sorted(found, key=lambda name: (snapshot_id.taken_at(name), name))

    def live(self) -> str | None:
        """Return the id of the live snapshot; None before the first promotion.

        Any spelling of the link that leads there will do (see ``is_spelled``), but nothing is followed out of
        the volume.

        Raises:
            Refusal: ``prod`` is not a link, or a link that does not lead to a snapshot of this volume.
        """
        if not is_link(self.prod):
            if not is_there(self.prod):
                return None
            what = "directory" if is_folder(self.prod) else "file"
            raise Refusal(
                f"{self.prod} is a {what}, not a link: a container "
                "that met a missing prod may have made it. A run makes a snapshot of a database that lies "
                "there, while its server is stopped; move anything else away"
            )
        target = self._target()
        if target.parent != Path(os.path.realpath(self.staging)) or not snapshot_id.taken_at(target.name):
            raise Refusal(
                f"{self.prod} leads to {target}, not to a snapshot in {self.staging}: point it at a snapshot "
                "there"
            )
        if not is_folder(self.snapshot(target.name)):
            raise Refusal(
                f"{self.prod} leads to {target}, which is not there: promote another snapshot (rollback.yml)"
            )
        return target.name

    def dangles(self) -> bool:
        """Return whether ``prod`` leads to nothing: no server can work there, a promotion repairs it."""
        return is_link(self.prod) and not self._target().exists()

    def is_spelled(self) -> bool:
        """Return whether ``prod`` names its snapshot as reingest does: relative to the volume.

        An absolute link leads to the snapshot only where the volume is mounted at that very path.
        """
        return read_link(self.prod) == f"staging/{self._target().name}"

    def _target(self) -> Path:
        target = Path(os.path.realpath(self.prod))
        if not target.exists():
            # An absolute link is one of the containers', which may have the volume at another path.
            spelled = Path(os.path.normpath(read_link(self.prod)))
            here = self.staging / spelled.name
            if spelled.is_absolute() and spelled.parent.name == self.staging.name and is_folder(here):
                return Path(os.path.realpath(here))
        return target


def _holds_something(path: Path) -> bool:
    try:
        return is_folder(path) and not is_empty(path)
    except PermissionError:
        return True  # this account may only see that it is there


def open_volume(root: Path) -> Volume:
    """Return the volume.

    Raises:
        Refusal: there is no such directory, or what must lie in it is a link: a rename would not reach what
            it leads to, or our records would lie outside the volume.
    """
    if not root.is_dir():
        raise Refusal(f"volume {root} is not there: mount it, or correct reingest_volume")
    volume = Volume(root)
    for path in (volume.records, volume.staging):
        if is_link(path):
            raise Refusal(
                f"{path} is a link to {read_link(path)}: it must be a directory of the volume itself; move "
                "what it leads to into its place"
            )
    return volume


def live_snapshot(volume: Volume) -> str:
    """Return the live snapshot; empty when there is none, or ``prod`` leads to nothing."""
    return "" if volume.dangles() else volume.live() or ""
