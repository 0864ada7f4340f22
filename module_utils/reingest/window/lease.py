"""Signs of life of a run on one host: who works there now, and when it was last heard of.

While a step of the run works it holds a kernel lock, which goes with its process, however that ends. Between
two steps only the lease tells: each step refreshes it when it begins and when it ends.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.durable import PRIVATE_FOLDER
from ..fs.durable_record import own_text
from ..fs.lock_file import (
    UNKNOWN,
    Worker,
    open_lock,
    read_worker,
    this_process,
    wait_for_lock,
    worker_at,
    write_worker,
)
from ..fs.record_values import parse_document, record_from
from ..host.boot import boot_id
from ..host.processes import started_at
from .window_record import Window, boottime, refuse_closed, refusing

_LOCK, _LEASE, _WATCHER = "window.lock", "window.lease", "window.watcher"
_BEAT_S = 5.0
_LOOKED_AT_S = 1.0  # somebody who only looks whether there is a watchdog holds its lock for a moment


@dataclass(frozen=True)
class _Lease:
    """A sign of life."""

    boot: str  # of the machine, and
    at: float  # the seconds since then
    step: str = ""  # which one works, where several are made in one call


class Busy(Refusal):
    """Another process works in the window."""


@contextmanager
def held(records: Path, run: str, *, recovers: bool = False, patience: float = 0) -> Iterator[None]:
    """Hold this host's window for the length of one step.

    Args:
        records: the folder of the window's record.
        run: the run that works.
        recovers: whether the step is a recovery, which the next run waits for and does not end.
        patience: how many seconds another process may hold it.

    Raises:
        Busy: it holds it for longer.
        Refusal: its lock file cannot be opened.
    """
    with refusing(records):
        records.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        lock = open_lock(lock_of(records))
    with lock:
        if not wait_for_lock(lock, patience):
            who = read_worker(lock) or UNKNOWN
            raise Busy(
                f"process {who.pid} of run {who.run} works on the services of {records} since before "
                f"{patience:.0f} s: look at it, end it, and run recover.yml"
            )
        write_worker(lock, this_process(run, recovers=recovers))
        yield


@contextmanager
def working(records: Path | None, run: str, *, patience: float) -> Iterator[None]:
    """Hold the window for one step of the run that opened it, and give signs of life; None: no window.

    Raises:
        Refusal: the window is not open for this run any more.
    """
    if records is None:
        yield
        return
    with held(records, run, patience=patience):
        refuse_closed(records, run)
        with refusing(records):
            refresh(records)
        try:
            yield
        finally:
            with suppress(OSError):  # then the run is given up a little early
                refresh(records)


@contextmanager
def beating(records: Path | None, longest: float) -> Iterator[None]:
    """Give signs of life while a step works that takes longer than the watchdog waits; None: no window.

    Args:
        records: the folder of the window's record.
        longest: after how many seconds they end, because such a step hangs.
    """
    if records is None:
        yield
        return
    done = threading.Event()
    ends = boottime() + longest

    def beat() -> None:
        while not done.wait(_BEAT_S) and boottime() < ends:
            with suppress(OSError):
                refresh(records)

    beating_ = threading.Thread(target=beat, daemon=True)
    beating_.start()
    try:
        yield
    finally:
        done.set()
        beating_.join()


def lock_of(records: Path) -> Path:
    """Return the file that the process which works in the window has locked."""
    return records / _LOCK


def worker(records: Path) -> Worker | None:
    """Return who works in the window at this moment; None when nobody does."""
    return worker_at(lock_of(records))


def refresh(records: Path, step: str = "") -> None:
    """Give a sign of life. It need not survive a power cut: the boot id tells a machine that was down."""
    staged = records / f"{_LEASE}.{os.getpid()}"
    staged.write_text(json.dumps(asdict(_Lease(boot_id(), boottime(), step))), encoding="utf-8")
    staged.replace(records / _LEASE)


def silence(records: Path, window: Window) -> float:
    """Return for how many seconds nothing was heard of the run, within this boot of the machine."""
    last = window.opened
    with suppress(FileNotFoundError, ValueError):
        lease = record_from(_Lease, parse_document(own_text(records / _LEASE)))
        if lease.boot == window.boot:
            last = max(last, lease.at)
    return boottime() - last


def given_up(records: Path, window: Window) -> bool:
    """Return whether the run is taken for dead: silent for too long, or the machine was started anew."""
    return window.boot != boot_id() or silence(records, window) > window.watchdog


@contextmanager
def watching(records: Path) -> Iterator[bool]:
    """Be the host's watchdog; gives False where there is one already."""
    with open_lock(records / _WATCHER) as lock:
        mine = wait_for_lock(lock, _LOOKED_AT_S)
        if mine:
            write_worker(lock, this_process("", recovers=True))
        yield mine


def watched(records: Path) -> bool:
    """Return whether a watchdog lives on this host."""
    return watchdog_process(records) is not None


def watchdog_process(records: Path) -> Worker | None:
    """Return the watchdog that lives; None when none does."""
    found = worker_at(records / _WATCHER)  # the one before, until it has said who it is
    return found if found and started_at(found.pid) == found.started else None


def remove_signs(records: Path) -> None:
    """Take the lease away; a lock file stays, another process may be about to lock it."""
    for path in records.glob(f"{_LEASE}*"):
        path.unlink(missing_ok=True)
