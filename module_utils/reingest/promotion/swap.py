"""Take ``ingest/`` away and put an empty directory in its place, and back: by one system call where possible.

Where it is not (see ``rename``), ``ingest/`` is missing between two renames; the empty directory that is
to take its place waits under ``.reingest/fresh`` then, and ``heal_ingest`` goes on with it.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import Refusal
from ..fs.durable import make_directory, sync_directory
from ..fs.rename import exchange, rename
from ..volume.layout import Volume


def swap_out(volume: Volume, target: Path) -> None:
    """Move ``ingest/`` to ``target``, durably; an empty directory of the same owner and mode takes its place.

    Raises:
        Refusal: something lies at ``target``.
    """
    if target.is_dir() and not target.is_symlink() and is_empty(target):
        target.rmdir()  # left by a run that died here: ingest/ may have another owner since
    if target.is_symlink() or target.exists():
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
    if not (volume.ingest.exists() and exchange(source, volume.ingest)):
        rename(source, volume.ingest)  # an empty directory is replaced
    if source.is_dir():
        source.rmdir()
    sync_directory(source.parent)
    sync_directory(volume.root)


def lacks_ingest(volume: Volume) -> bool:
    """Return whether a crash came after ``ingest/`` was moved away and before the next one took its place."""
    return volume.fresh.is_dir() and not volume.ingest.exists()


def heal_ingest(volume: Volume) -> None:
    """Put the waiting empty directory into the place of ``ingest/``, or away where that is there."""
    if not volume.fresh.is_dir():
        return
    if volume.ingest.exists():
        volume.fresh.rmdir()
    else:
        rename(volume.fresh, volume.ingest)
        sync_directory(volume.root)
    sync_directory(volume.records)


def is_empty(path: Path) -> bool:
    """Return whether a directory has nothing in it."""
    return not any(path.iterdir())
