"""The record of a pruning: which snapshots are on their way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from ..fs.durable_record import DamagedRecord, DurableRecord
from ..fs.no_follow import is_folder, listed
from ..fs.record_values import RunId, record_from
from ..volume.layout import Volume
from ..volume.snapshot_id import SnapshotId, is_id

VERSION = 1


def snapshot_of(name: str) -> str:
    """Return the snapshot that something in the trash was, by its name there; empty: it never was one."""
    plain, _, number = name.partition("~")
    return plain if is_id(plain) and (plain == name or number.isdecimal()) else ""


TrashName = Annotated[str, snapshot_of]


@dataclass(frozen=True)
class Leaving:
    """A pruning under way: which snapshots go, and what each is called in the trash."""

    run: RunId
    operator: str
    snapshots: Mapping[SnapshotId, TrashName]
    why: Mapping[SnapshotId, str] = field(default_factory=dict)
    version: int = VERSION


def leftovers(volume: Volume) -> tuple[str, ...]:
    """Return what lies in the trash."""
    return tuple(listed(volume.trash)) if is_folder(volume.trash) else ()


def read_leaving(volume: Volume) -> Leaving | None:
    """Return the pruning that was begun and not written down to its end; None when there is none.

    Where its file is damaged, it is determined from what is in the trash.

    Raises:
        Refusal: it is of a later version of reingest, or cannot be read.
    """
    try:
        return leaving_record(volume).read()
    except DamagedRecord:
        names = [name for name in leftovers(volume) if is_id(name)]
        return Leaving("", "", {name: name for name in names})


def leaving_record(volume: Volume) -> DurableRecord[Leaving]:
    """Return the record on a volume."""
    return DurableRecord(volume.records / "prune.json", lambda raw: record_from(Leaving, raw), VERSION)
