"""A file whose kernel lock says that somebody works, and whose text says who. It goes with its process."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ..host.processes import started_at
from .durable import PRIVATE
from .no_follow import check_file, open_file, status_of
from .record_values import MaybeRunId, parse_document, record_from


@dataclass(frozen=True)
class Worker:
    """The process that holds a lock."""

    pid: int  # 0: not known
    started: str  # as the kernel tells it, since process ids are used again
    run: MaybeRunId
    recovers: bool = False  # whether it recovers what a dead run began


_POLL_S = 0.02
_MOST = 4096  # characters of a worker's text

UNKNOWN = Worker(0, "", "unknown")


def this_process(run: str, *, recovers: bool = False) -> Worker:
    """Return this process as the worker of a run."""
    return Worker(os.getpid(), started_at(os.getpid()) or "", run, recovers)


def open_lock(path: Path) -> IO[str]:
    """Open a lock file, which is made where it is missing; it is locked by ``try_lock``.

    Nobody else may open it: whoever can open a file can lock it.

    Raises:
        UnsafePathError: it is another account's, or no regular file.
    """
    return _as_lock(path, open_file(path, os.O_RDWR | os.O_CREAT, PRIVATE))


def wait_for_lock(lock: IO[str], patience: float) -> bool:
    """Lock an open lock file as soon as nobody else has it locked; return False where that lasts.

    Args:
        lock: the file, opened.
        patience: seconds to wait.
    """
    deadline = time.monotonic() + patience
    while not try_lock(lock):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def try_lock(lock: IO[str]) -> bool:
    """Lock an open lock file; return False where somebody else has it locked."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holds(path: Path, pid: int) -> bool:
    """Return whether the kernel says that a process has a file locked (``/proc/locks``: process, inode)."""
    status = status_of(path)
    if status is None:
        return False
    lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    locks = [(fields[-4], fields[-3].rpartition(":")[2]) for fields in map(str.split, lines)]
    return (str(pid), str(status.st_ino)) in locks


def write_worker(lock: IO[str], who: Worker) -> None:
    """Write into a locked file who has it; on a full disk only the name is missing, the lock counts."""
    with suppress(OSError):
        lock.seek(0)
        lock.truncate()
        lock.write(json.dumps(asdict(who)))
        lock.flush()


def read_worker(lock: IO[str]) -> Worker | None:
    """Return who has a file locked, as far as it says so; None: it does not."""
    lock.seek(0)
    try:
        return record_from(Worker, parse_document(lock.read(_MOST)))
    except ValueError:
        return None


def worker_at(path: Path) -> Worker | None:
    """Return who holds the lock file at a path at this moment; None when no process does.

    A file that is not there is not made.
    """
    try:
        handle = open_file(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    with _as_lock(path, handle) as lock:
        return None if try_lock(lock) else read_worker(lock) or UNKNOWN


def _as_lock(path: Path, handle: int) -> IO[str]:
    try:
        check_file(path, os.fstat(handle), own=True)
    except OSError:
        os.close(handle)
        raise
    return os.fdopen(handle, "r+", encoding="utf-8")
