"""The mark of a cluster that was written to without fsync, and not synced since.

``fsync = off`` leaves no trace in the cluster itself, and a cluster that lost pages in a power cut may even
say that it was shut down cleanly. The mark is written before the settings for the load are, and goes when the
load is finalised. Where it is there and the machine was down since, nothing in ``ingest/`` is to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ..errors import Refusal
from ..fs.durable_record import DamagedRecord, DurableRecord
from ..fs.no_follow import is_empty, is_folder
from ..fs.record_values import MaybeTime, RunId, record_from
from ..host.boot import boot_id
from ..postgres.control import read_control
from .layout import Volume


@dataclass(frozen=True)
class Unsynced:
    """Which cluster, since which boot of the machine, and by which run."""

    system_identifier: str
    boot: str
    run: RunId
    ended: MaybeTime = ""  # when the settings for the load were taken away (ISO 8601); empty: they are there


class DamagedMark(DamagedRecord):
    """The mark cannot be read: whether what ``ingest/`` holds is on disk, nobody can tell."""


def read_mark(volume: Volume) -> Unsynced | None:
    """Return the mark; None where all that was written is on disk, or will be by the server's own care.

    Raises:
        DamagedMark: there is one, and it cannot be understood.
        Refusal: this account may not read it.
    """
    return _record(volume).read()


def _record(volume: Volume) -> DurableRecord[Unsynced]:
    return DurableRecord(
        volume.unsynced,
        lambda raw: record_from(Unsynced, raw),
        damaged=DamagedMark,
        if_damaged=f", and so it is not known whether what {volume.ingest} holds is on disk: run load.yml or "
        "ingest.yml, which starts over with an empty ingest",
    )


def mark_of(volume: Volume, system_identifier: str) -> Unsynced | None:
    """Return the mark of a cluster; None where there is none, or one of another cluster."""
    mark = read_mark(volume)
    return mark if mark is not None and mark.system_identifier == system_identifier else None


def write_mark(volume: Volume, mark: Unsynced) -> None:
    """Write the mark, durably."""
    _record(volume).write(mark)


def end_mark(volume: Volume, mark: Unsynced) -> None:
    """Write down that the settings for the load are gone: a server that starts from now on runs without."""
    write_mark(volume, replace(mark, ended=datetime.now(timezone.utc).isoformat()))


def clear_mark(volume: Volume) -> None:
    """Take the mark away, durably."""
    _record(volume).remove()


def is_lost(volume: Volume) -> bool:
    """Return whether the machine went down while what ``ingest/`` holds was not on disk, or may have.

    What ``pg_control`` says of the shutdown does not count: without fsync it may be on disk before the pages
    that it speaks of. Where the control file itself is damaged, that is what the mark warns of.
    """
    try:
        mark = read_mark(volume)
    except DamagedMark:
        return is_folder(volume.ingest)
    if mark is None or mark.boot == boot_id() or not is_folder(volume.ingest):
        return False
    if is_empty(volume.ingest):
        return False
    try:
        return read_control(volume.ingest).system_identifier == mark.system_identifier
    except Refusal:
        return True
