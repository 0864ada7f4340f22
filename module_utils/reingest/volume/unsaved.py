"""Snapshots with rows of users that are nowhere else: kept until somebody accepts losing them by name."""

from __future__ import annotations

from dataclasses import dataclass

from ..fs.durable import make_own_directory
from ..fs.durable_record import DurableRecord
from ..fs.record_values import RunId, record_from
from . import snapshot_id
from .layout import Volume
from .lock import now_text


@dataclass(frozen=True)
class Unsaved:
    """Why a snapshot is kept: its users' rows were not carried over when production left it."""

    run: RunId
    at: str
    why: str


def hold(volume: Volume, snapshot: str, *, run: str, why: str) -> None:
    """Keep a snapshot from every pruning."""
    make_own_directory(volume.records)
    make_own_directory(volume.records / "unsaved")
    _record(volume, snapshot).write(Unsaved(run, now_text(), why))


def unsaved(volume: Volume, snapshot: str) -> Unsaved | None:
    """Return why a snapshot is kept; None where nothing is only there.

    Raises:
        Refusal: the record is damaged, or another account's.
    """
    return _record(volume, snapshot).read()


def let_go(volume: Volume, snapshot: str) -> None:
    """Forget a snapshot: it is deleted, or serves again."""
    _record(volume, snapshot).remove()


def _record(volume: Volume, snapshot: str) -> DurableRecord[Unsaved]:
    path = volume.records / "unsaved" / f"{snapshot_id.checked(snapshot)}.json"
    return DurableRecord(
        path,
        lambda raw: record_from(Unsaved, raw),
        called="the record of users' rows",
        if_damaged=f": see what users wrote into {snapshot}, then delete it",
    )
