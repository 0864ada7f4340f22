"""A file whose kernel lock says that somebody works, and whose text says who. It goes with its process."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ..host.processes import started_at
from .record_values import MaybeRunId, parse_document, record_from


@dataclass(frozen=True)
class Worker:
    """The process that holds a lock."""

    pid: int  # 0: not known
    started: str  # as the kernel tells it, since process ids are used again
    run: MaybeRunId
    recovers: bool = False  # whether it recovers what a dead run began


UNKNOWN = Worker(0, "", "unknown")


def this_process(run: str, *, recovers: bool = False) -> Worker:
    """Return this process as the worker of a run."""
    return Worker(os.getpid(), started_at(os.getpid()) or "", run, recovers)


def open_lock(path: Path, *, mode: int) -> IO[str]:
    """Open a lock file, which is made where it is missing; it is locked by ``try_lock``."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    return os.fdopen(handle, "r+", encoding="utf-8")


def wait_for_lock(lock: IO[str]) -> None:
    """Lock an open lock file as soon as nobody else has it locked."""
    fcntl.flock(lock, fcntl.LOCK_EX)


def try_lock(lock: IO[str]) -> bool:
    """Lock an open lock file; return False where somebody else has it locked."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
        return record_from(Worker, parse_document(lock.read()))
    except ValueError:
        return None


def worker_at(path: Path) -> Worker | None:
    """Return who holds the lock file at a path at this moment; None when no process does.

    A file that is not there is not made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "r+", encoding="utf-8") as lock:
        return None if try_lock(lock) else read_worker(lock) or UNKNOWN
