"""Make a data directory durable: whole before the window, and in the window what its server wrote since.

Why the second is enough. PostgreSQL's manual says of fsync that everything must be forced to disk once when
it was off and is on, by ``initdb --sync-only`` or the like, "while the cluster is shutdown or while fsync is
on" ("Server Configuration", "Write Ahead Log", fsync); ``sync_tree`` does that. From then on the server keeps
its own promise: at a checkpoint "all dirty data pages are flushed to disk and a special checkpoint record is
written to the WAL file" ("Reliability and the Write-Ahead Log", "WAL Configuration"), and a server that is
stopped in order makes one as its last act, which ``pg_control`` shows ("shut down"). What it writes without
that care lies at fixed places, whose number does not grow with the data: ``postmaster.pid``, which it removes
(and which must not be back after a power cut), ``postmaster.opts``, the statistics, and names in directories.
"""

from __future__ import annotations

import itertools
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import Refusal
from .durable import sync_directory
from .no_follow import is_folder, listed, open_file, status_of
from .sizes import TreeSize, add_up

_AT_ONCE = 16


def sync_tree(path: Path) -> TreeSize:
    """Make every file and directory below the path durable, while a server may work there.

    Files that go meanwhile (a server recycles its WAL) are passed over; what it adds it syncs itself.

    Returns:
        What the tree takes on the disk: only now all its blocks are allocated.

    Raises:
        Refusal: the disk refuses one; the first stops it.
    """
    files: list[Path] = []
    folders: list[Path] = []
    for place, _, names in os.walk(path, topdown=False, onerror=_refuse_unless_gone):
        files += [Path(place) / name for name in names]
        folders.append(Path(place))
    # A cluster has a thousand small files, and each would wait for a write of the file system's journal by
    # itself; those that wait at the same time share one.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            synced = itertools.chain(pool.map(_sync_file, files), pool.map(_sync_folder, folders))
            paths = (os.path.relpath(found, path) for found in (*files, *folders))
            return add_up((name, status) for name, status in zip(paths, synced) if status is not None)
        except Refusal:
            pool.shutdown(cancel_futures=True)
            raise


def sync_stopped(path: Path) -> None:
    """Make durable what the server of a synced directory wrote until its stop and did not sync itself.

    Raises:
        Refusal: the disk refuses it.
    """
    for place in (path / "pg_stat", path / "global", path):
        if not is_folder(place):
            continue
        for entry in (place / name for name in listed(place)):
            if is_folder(entry):
                _sync_folder(entry)
            else:
                _sync_file(entry)
        _sync_folder(place)
    if is_folder(path / "base"):
        for name in listed(path / "base"):
            _sync_folder(path / "base" / name)


def _sync_file(path: Path) -> os.stat_result | None:
    """Sync a file and return its status after that; None where it is gone."""
    try:
        status = status_of(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            return status
        handle = open_file(path, os.O_RDONLY)
        try:
            os.fsync(handle)
            return os.fstat(handle)
        finally:
            os.close(handle)
    except OSError as error:
        _refuse_unless_gone(error, path)
        return None


def _sync_folder(path: Path) -> os.stat_result | None:
    try:
        sync_directory(path)
        return status_of(path)
    except OSError as error:
        _refuse_unless_gone(error, path)
        return None


def _refuse_unless_gone(error: OSError, path: Path | None = None) -> None:
    if isinstance(error, FileNotFoundError):
        return
    raise Refusal(
        f"{path or error.filename} cannot be written to disk ({error.strerror}): look into the disk and the "
        "kernel's log; what lies there is not to be trusted, so load again"
    ) from error
