"""The empty directory that takes the place of ``ingest/`` when that is promoted."""

from __future__ import annotations

from .durable import make_directory, sync_directory
from .layout import Volume


def prepare_fresh(volume: Volume) -> None:
    """Make the next ``ingest/`` beside the records, with the owner and the mode of the present one."""
    if volume.fresh.is_dir():
        volume.fresh.rmdir()  # left by a run that died here: ingest/ may have another owner since
    make_directory(volume.fresh, like=volume.ingest)


def lacks_ingest(volume: Volume) -> bool:
    """Return whether a crash came after ``ingest/`` was moved away and before the next one took its place."""
    return volume.fresh.is_dir() and not volume.ingest.exists()


def put_fresh(volume: Volume) -> None:
    """Put the next ``ingest/`` in its place, unless one is there."""
    if lacks_ingest(volume):
        volume.fresh.rename(volume.ingest)
        sync_directory(volume.records)
        sync_directory(volume.root)
