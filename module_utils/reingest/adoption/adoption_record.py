"""Which snapshot a real ``prod`` directory is becoming, written before it moves: a kill is no end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..fs.durable_record import DurableRecord
from ..fs.no_follow import is_there
from ..fs.record_values import record_from
from ..promotion.journal import Place, lies_at
from ..volume.layout import Volume
from ..volume.snapshot_id import SnapshotId

VERSION = 1


@dataclass(frozen=True)
class Adopting:
    """The id that was chosen, and the directory that gets it."""

    snapshot: SnapshotId
    place: Place
    version: int = VERSION

    def lies_at(self, path: Path) -> bool:
        """Return whether the directory lies at the path."""
        return lies_at(self.place, path)


def read_adopting(volume: Volume) -> Adopting | None:
    """Return what a run has begun; None where nothing is.

    Raises:
        Refusal: the file cannot be read, or is of a later version of reingest.
    """
    return _record(volume).read()


def _record(volume: Volume) -> DurableRecord[Adopting]:
    return DurableRecord(
        volume.adopting,
        lambda raw: record_from(Adopting, raw),
        VERSION,
        if_damaged=": look at where prod leads, then delete that file",
    )


def open_adopting(volume: Volume, adopting: Adopting) -> None:
    """Write it down, durably."""
    _record(volume).write(adopting)


def close_adopting(volume: Volume) -> None:
    """Say that it is done."""
    if is_there(volume.adopting):
        _record(volume).remove()
