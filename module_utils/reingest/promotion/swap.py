"""Take ``ingest/`` away and put an empty directory in its place, and back: by one system call where possible.

Where it is not (see ``rename``), ``ingest/`` is missing between two renames; the empty directory that is
to take its place waits under ``.reingest/fresh`` then, and ``heal_ingest`` goes on with it.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import Refusal
from ..fs.durable import make_directory, remove_empty, sync_directory
from ..fs.no_follow import is_empty, is_folder, is_there
from ..fs.rename import exchange, rename
from ..volume.layout import Volume


def swap_out(volume: Volume, target: Path) -> None:
    """Move ``ingest/`` to ``target``, durably; an empty directory of the same owner and mode takes its place.

    Raises:
        Refusal: something lies at ``target``.
    """
    if is_folder(target) and is_empty(target):
        remove_empty(target)  # left by a run that died here: ingest/ may have another owner since
    if is_there(target):
        raise Refusal(
            f"{volume.ingest} cannot be moved to {target}: something is there already; look into it"
        )
    make_directory(target, like=volume.ingest)
    if not exchange(volume.ingest, target):
        rename(target, volume.fresh)
        sync_directory(volume.records)
        rename(volume.ingest, target)
        sync_directory(target.parent)
        rename(volume.fresh, volume.ingest)
        sync_directory(volume.records)
    sync_directory(target.parent)
    sync_directory(volume.root)


def swap_back(volume: Volume, source: Path) -> None:
    """Move ``source`` back to ``ingest/``, which is empty or missing, durably."""
    if not (is_there(volume.ingest) and exchange(source, volume.ingest)):
        rename(source, volume.ingest)  # an empty directory is replaced
    if is_folder(source):
        remove_empty(source)
    sync_directory(source.parent)
    sync_directory(volume.root)


def lacks_ingest(volume: Volume) -> bool:
    """Return whether a crash came after ``ingest/`` was moved away and before the next one took its place."""
    return is_folder(volume.fresh) and not is_there(volume.ingest)


def heal_ingest(volume: Volume) -> None:
    """Put the waiting empty directory into the place of ``ingest/``, or away where that is there."""
    if not is_folder(volume.fresh):
        return
    if is_there(volume.ingest):
        remove_empty(volume.fresh)
    else:
        rename(volume.fresh, volume.ingest)
        sync_directory(volume.root)
    sync_directory(volume.records)
