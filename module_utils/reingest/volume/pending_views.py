"""Which server has materialised views that a switch left for after its window.

The database itself says which they are (``reingest.pending_view``): what lies here only tells a run, without
asking any server, that there is something to ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..errors import Refusal
from ..fs.durable import make_own_directory, unlink
from ..fs.durable_record import DurableRecord
from ..fs.no_follow import is_folder, listed
from ..fs.record_values import RunId, Time, record_from
from .layout import Volume
from .lock import now_text
from .server_id import is_identifier, server_in

_VERSION = 1
_FOLDER = "views"


@dataclass(frozen=True)
class PendingViews:
    """Views of one server's database that show the rows of before its switch until they are refreshed."""

    run: RunId
    server: Annotated[str, is_identifier]  # the system identifier
    database: str
    since: Time
    views: tuple[str, ...]  # in the order in which they are refreshed
    version: int = _VERSION


def note_pending(volume: Volume, server: str, database: str, views: Sequence[str], *, run: str) -> None:
    """Write down that a server will have such views, before it has; forget those of servers that are gone."""
    folder = volume.records / _FOLDER
    if not views:
        forget_pending(volume, server)
        return
    make_own_directory(volume.records)
    make_own_directory(folder)
    there = {server, *map(server_in, (volume.ingest, *map(volume.snapshot, volume.snapshots())))}
    for name in listed(folder):
        if name.endswith(".json") and name[:-5] not in there:
            unlink(folder / name)
    pending_record(volume, server).write(PendingViews(run, server, database, now_text(), tuple(views)))


def forget_pending(volume: Volume, server: str) -> None:
    """Forget a server's: none is left."""
    pending_record(volume, server).remove()


def pending_here(volume: Volume) -> PendingViews | None:
    """Return those of the server that is live; None where there are none.

    Raises:
        Refusal: the record is damaged, or another account's.
    """
    if not is_folder(volume.records / _FOLDER):  # most volumes have none
        return None
    live = volume.live()
    server = server_in(volume.snapshot(live)) if live else ""
    return pending_record(volume, server).read() if server else None


def views_wait(volume: Volume) -> bool:
    """Return whether there may be such views; a record that nobody can read keeps no run from beginning."""
    try:
        return pending_here(volume) is not None
    except (Refusal, OSError):
        return True


def pending_record(volume: Volume, server: str) -> DurableRecord[PendingViews]:
    """Return the record of a server's views."""
    path = volume.records / _FOLDER / f"{server if is_identifier(server) else 'none'}.json"
    return DurableRecord(
        path,
        lambda raw: record_from(PendingViews, raw),
        _VERSION,
        called="the record of materialised views that wait",
        if_damaged=": refresh those of the dataset's `views:` yourself, then delete it",
    )
