"""A little room that is kept for the day on which the disk is full.

Without it a full volume could not be claimed, and so not be pruned or recovered: the claim, the journal and
the ledger's lines need a block or two themselves.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ..fs.durable import sync_directory, unlink
from ..fs.no_follow import check_file, open_file
from .layout import Volume

_SIZE = 1 << 20  # bytes; a run writes some 50 KiB of records


def keep_reserve(volume: Volume) -> None:
    """Set the room aside, if it is not; where the disk has none left, or cannot do so, there is none."""
    with suppress(OSError):
        handle = open_file(volume.reserve, os.O_WRONLY | os.O_CREAT)
        try:
            status = os.fstat(handle)
            check_file(volume.reserve, status, own=True)
            if status.st_blocks * 512 < _SIZE:
                os.posix_fallocate(handle, 0, _SIZE)
        finally:
            os.close(handle)


def give_up_reserve(volume: Volume) -> bool:
    """Give the room back to the disk; return whether there was any."""
    try:
        if not unlink(volume.reserve):
            return False
    except OSError:
        return False
    sync_directory(volume.records)  # before that the file system may keep the blocks to itself
    return True
