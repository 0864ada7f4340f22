"""The prober: a process that asks the portal from before the window to after it, and ends by itself.

It is forked by the module that starts it, so that nothing has to be compiled again, and leaves its session.
What it saw lies in the run's folder on its host, written once a second: what kills it does not take that.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from ..errors import Refusal
from ..fs.durable import PRIVATE, PRIVATE_FOLDER
from ..fs.lock_file import open_lock, this_process, wait_for_lock, worker_at, write_worker
from ..host.boot import machine
from ..host.processes import started_at
from .answer import Answer
from .probe_record import FILE, LOCK, Record
from .request import Target, ask
from .seen import Observer

_TRIES, _AGAIN_S = 3, 0.2
_BEAT_S = 1.0
_APPEAR_S = 5.0
_POLL_S = 0.02
_LOOKED_AT_S = 1.0  # somebody who only looks whether there is a prober holds its lock for a moment
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Run:
    """Whom the prober works for, and for how long at the most.

    On the controller's own machine it sees whether its process lives, and ends ``linger`` seconds after that
    is gone. Elsewhere it cannot, and ends ``longest`` and ``linger`` seconds after it began.
    """

    run: str
    controller: str  # as ``machine`` has it
    process: int  # of ansible-playbook; 0: not known
    process_started: str
    linger: float
    longest: float


def start(folder: Path, target: Target, interval: float, run: Run) -> str:
    """Start a prober for the run, where there is none yet; return why nothing is measured, or an empty text.

    Args:
        folder: the run's folder on this host.
        target: the portal.
        interval: seconds from the beginning of a request to that of the next one.
        run: whom it works for.

    Raises:
        Refusal: the folder cannot be written.
    """
    if worker_at(folder / LOCK) is not None:
        return ""  # this very step, started a second time
    answer = _first(target)
    if not answer.good:
        how = "" if answer.never else "the portal gives no good answer before the window: "
        return f"{how}{answer.why}"
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        (folder / FILE).unlink(missing_ok=True)
        open_lock(folder / LOCK).close()
    except OSError as error:
        raise Refusal(
            f"what the prober sees cannot be written to {folder}: {error.strerror}; correct reingest_work"
        ) from error
    child = os.fork()
    if child == 0:
        _leave(folder, target, interval, run)
    os.waitpid(child, 0)
    deadline = time.monotonic() + _APPEAR_S
    while worker_at(folder / LOCK) is None:
        if time.monotonic() > deadline:
            return f"the prober does not come up within {_APPEAR_S:.0f} s"
        time.sleep(_POLL_S)
    return ""


def watch(folder: Path, target: Target, interval: float, run: Run, stop: threading.Event) -> str:
    """Ask the portal until told to stop, or until the run is gone; return why it ended."""
    observer = Observer(time.time() - time.monotonic())
    until = _Until(run)
    ended, written = "", 0.0
    while not ended:
        began = time.monotonic()
        answer = ask(target)
        observer.take(began, time.monotonic(), answer)
        ended = "it was told to" if stop.is_set() else until.over(time.monotonic())
        if ended or time.monotonic() - written >= _BEAT_S:
            if not folder.is_dir():
                return "the run's folder is gone"
            with suppress(OSError):  # a full disk: the next second, or never; no user is to wait for that
                _write(folder / FILE, Record(ended, observer.seen().as_values()))
            written = time.monotonic()
        if not ended:
            stop.wait(max(0.0, began + interval - time.monotonic()))
    return ended


class _Until:
    """When a run is taken for gone."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._here = bool(run.process and run.process_started) and run.controller == machine()
        self._began = time.monotonic()
        self._gone: float | None = None

    def over(self, now: float) -> str:
        """Return why the prober ends now; empty: it does not."""
        run = self._run
        if not self._here:
            over = now - self._began > run.longest + run.linger
            return f"it looked for {run.longest + run.linger:.0f} s" if over else ""
        if started_at(run.process) == run.process_started:
            self._gone = None
        elif self._gone is None:
            self._gone = now
        gone = self._gone is not None and now - self._gone >= run.linger
        return f"its run is gone for {run.linger:.0f} s" if gone else ""


def _first(target: Target) -> Answer:
    """Ask before anything is measured; one lost request does not keep the run from measuring."""
    for _ in range(_TRIES - 1):
        answer = ask(target)
        if answer.good or answer.never:
            return answer
        time.sleep(_AGAIN_S)
    return ask(target)


def _leave(folder: Path, target: Target, interval: float, run: Run) -> NoReturn:
    """Go on in a process of its own session; by ``_exit``, so that nothing of the module is done twice."""
    try:
        os.setsid()
        if os.fork() == 0:
            _alone(folder, target, interval, run)
    finally:
        os._exit(0)


def _alone(folder: Path, target: Target, interval: float, run: Run) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)  # who waits for the end of the module's output must not wait for this
    # Nor may a lock or a connection of the module stay open here.
    os.closerange(3, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 16))
    os.chdir("/")
    stop = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    with open_lock(folder / LOCK) as lock:
        if wait_for_lock(lock, _LOOKED_AT_S):
            write_worker(lock, this_process(run.run))
            watch(folder, target, interval, run, stop)


def _write(path: Path, record: Record) -> None:
    """Replace the file as a whole. It is not synced: a machine that lost power measures nothing either."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, PRIVATE)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(json.dumps(asdict(record)) + "\n")
    staged.replace(path)
