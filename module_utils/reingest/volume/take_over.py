"""Give the account that runs the modules what is its own on a volume that an earlier version made.

``.reingest/`` (0700) holds what is believed. ``staging/`` (0711) holds the names of the snapshots; the
servers pass through it to their directories. Earlier versions gave both to the owner of the volume root: that
is repaired once, by the run that claims the volume.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import Refusal
from ..fs.no_follow import folder, is_folder, listed, open_file, status_of
from .layout import Volume

_OF_SERVERS = frozenset({"trash", "copying", "adopted"})  # what lies in these is the servers'
_RECORDS_MODE, _STAGING_MODE = 0o700, 0o711


def take_over(volume: Volume, *, dry: bool = False) -> list[str]:
    """Give this account what is its own on a volume that an earlier version made; return that as sentences.

    Args:
        volume: the volume.
        dry: change nothing.

    Raises:
        Refusal: a link, or a file with a second name, lies among the records: the servers' account may have
            put it there.
    """
    did = []
    for path, mode in ((volume.records, _RECORDS_MODE), (volume.staging, _STAGING_MODE)):
        status = status_of(path)
        if status is None or (status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o777 == mode):
            continue
        if status.st_uid != os.geteuid() and os.geteuid() != 0:
            continue  # refused where it is used
        before = f"account {status.st_uid}, with mode {stat.S_IMODE(status.st_mode):04o}"
        did.append(f"take {path} over, which belonged to {before}")
        if not dry:
            _take(path, mode)
            if path == volume.records:
                for below in _records_in(volume, path):
                    _take(below, _RECORDS_MODE)
    return did


def _take(path: Path, mode: int) -> None:
    with folder(path, read=True) as handle:
        os.fchown(handle, os.geteuid(), os.getegid())
        os.fchmod(handle, mode)
        os.fsync(handle)


def _records_in(volume: Volume, records: Path) -> Iterator[Path]:
    """Take over the files among the records, and yield the folders, each before what is in it."""
    for name in listed(records):
        path = records / name
        if path == volume.fresh:
            continue  # it becomes ingest/
        if is_folder(path):
            yield path
            if name not in _OF_SERVERS:
                yield from _records_in(volume, path)
            continue
        handle = open_file(path, os.O_RDONLY)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise Refusal(
                    f"{path} is no plain file, and lies among the records: look into it, take it away"
                )
            os.fchown(handle, os.geteuid(), os.getegid())
            os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
