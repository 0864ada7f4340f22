"""The journal: what a promotion or its undo is about to do, on the volume before it is done.

It names the directories by inode and system identifier. Recovery looks where these are now, never at how far
a run came: what was done last before a crash is not known, and an exchange done twice is undone.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.durable_record import DamagedRecord, DurableRecord
from ..fs.no_follow import is_there, status_of
from ..fs.record_values import RunId, record_from
from ..postgres.control import read_control
from ..volume.layout import Volume
from ..volume.snapshot_id import MaybeSnapshotId, SnapshotId

VERSION = 1

UNDO = "undo"  # the kind of an intent that takes a promotion back: it is always resumed


class DamagedJournal(DamagedRecord):
    """Nobody can tell what was begun."""


@dataclass(frozen=True)
class Place:
    """A data directory, known again wherever it lies; device numbers may change with a restart."""

    inode: int
    system_identifier: str


@dataclass(frozen=True)
class Intent:
    """A promotion under way: ``prod`` goes from ``previous`` (empty before the first one) to ``snapshot``.

    For an undo ``snapshot`` is what failed, and ``prod`` goes from it to ``previous``.
    """

    run: RunId
    operator: str
    kind: str  # what the promotion is: ingest, promote, rollback; or UNDO
    snapshot: SnapshotId
    previous: MaybeSnapshotId
    origin: str  # "ingest" or "staging": where the snapshot lay when the promotion began
    place: Place  # the snapshot's directory
    why: str = ""  # of a rollback or an undo: why the snapshot that is left is bad
    version: int = VERSION


def read_intent(volume: Volume) -> Intent | None:
    """Return what was begun and not yet closed; None when nothing is open.

    Raises:
        DamagedJournal: it is no journal.
        Refusal: it cannot be read, or is of a later version of reingest.
    """
    return _record(volume).read()


def _record(volume: Volume) -> DurableRecord[Intent]:
    return DurableRecord(
        volume.journal,
        lambda raw: record_from(Intent, raw),
        VERSION,
        called="the journal",
        damaged=DamagedJournal,
        if_damaged=": recover.yml puts it aside, and goes by what is there",
    )


def place_of(path: Path) -> Place:
    """Return by what a data directory is known again.

    Raises:
        Refusal: it is no data directory.
    """
    status = status_of(path)
    if status is None or not stat.S_ISDIR(status.st_mode):
        raise Refusal(f"{path} holds no database: there is no such directory; load into it first")
    return Place(status.st_ino, read_control(path).system_identifier)


def lies_at(place: Place, path: Path) -> bool:
    """Return whether a path is that directory, itself and not through a link."""
    try:
        return place == place_of(path)
    except (Refusal, FileNotFoundError, NotADirectoryError):
        return False


def open_intent(volume: Volume, intent: Intent) -> None:
    """Write the intention down, durably."""
    _record(volume).write(intent)


def put_aside(volume: Volume) -> Path:
    """Put a damaged journal aside, durably; return where it lies now."""
    number = 1
    while is_there(volume.journal.with_name(name := f"journal.damaged.{number}.json")):
        number += 1
    return _record(volume).put_aside(name)


def close_intent(volume: Volume) -> None:
    """Say that it is done, and in the ledger."""
    if is_there(volume.journal):
        _record(volume).remove()


def begun_in(volume: Volume) -> Intent | None:
    """Return what was begun and not closed, also where the journal is damaged: then nobody knows what it was.

    Raises:
        Refusal: the journal cannot be read, or is of a later version of reingest.
    """
    try:
        return read_intent(volume)
    except DamagedJournal:
        return Intent("", "", "", "", "", "", Place(0, ""))
