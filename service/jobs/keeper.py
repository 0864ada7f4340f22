"""Follows the job that is active to its end: also one that an earlier service started.

What a job is comes from its processes' ids and start times and from its exit code, never from memory; so the
service may be killed at any time, and the next one goes on from there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from plugins.module_utils.reingest.errors import Refusal

from ..settings import Settings
from ..store.jobs import CANCELLED, FAILED, LOST, SUCCEEDED, Job, JobStore, Occupied, Order
from . import folder as folders
from .cancel import interrupt, refuse_in_window
from .launch import start
from .progress import failure_of
from .snapshots import Status, StatusError

_LOG = logging.getLogger("reingest.service")
_TICK_S = 0.2


class Signs(Protocol):
    """Says for whom a run is, and proves it."""

    def variables(self, job: Job) -> dict[str, Any]:
        """Return the variables of a job that say who runs it."""


class Keeper:
    """Starts, follows and cancels jobs."""

    def __init__(self, settings: Settings, store: JobStore, status: Status, signs: Signs) -> None:
        self._settings = settings
        self._store = store
        self._status = status
        self._signs = signs
        self._lock = threading.Lock()  # of what changes the active job
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="keeper", daemon=True)

    def folder(self, job: Job) -> Path:
        """Return a job's folder."""
        return self._settings.state / "jobs" / job.id

    @property
    def follows(self) -> bool:
        """Whether jobs are followed."""
        return self._thread.is_alive()

    def open(self) -> None:
        """Take over what an earlier service left, and follow it."""
        job = self._store.active()
        if job is None:
            for last in self._store.newest(1):
                self._recover(last)  # that service may have died before it did
        elif not folders.abandon(self.folder(job)) and job.cancelled_by:
            with suppress(Refusal), folders.held(self.folder(job)):
                if not job.dry:
                    refuse_in_window(self.folder(job))
                interrupt(self.folder(job))
        self._thread.start()

    def close(self) -> None:
        """End following; the job goes on."""
        self._over.set()
        self._thread.join(timeout=10)

    def begin(self, order: Order, variables: Mapping[str, Any]) -> Job:
        """Start a job, whose playbook gets these variables, and return it.

        Raises:
            Occupied: another one is active.
        """
        with self._lock:
            job = self._store.begin(order)
            try:
                given = {**variables, **self._signs.variables(job)}
                start(self._settings, self.folder(job), f"playbooks/{job.kind}.yml", given, check=job.dry)
            except Exception as error:
                folders.abandon(self.folder(job))
                self._store.end(job, FAILED, why=f"it was not started: {error}")
                raise
        return job

    def cancel(self, job: Job, by: str) -> None:
        """Interrupt a job; it is cancelled once its load has ended and the volume is free.

        Raises:
            Refusal: it is inside its switch, has ended, or was not begun yet.
        """
        with self._lock, folders.held(self.folder(job)):
            if not job.dry:  # whose window is none
                refuse_in_window(self.folder(job))
            if not folders.lives(self.folder(job) / "playbook.json"):
                raise Refusal(
                    f"nothing of job {job.id} runs that could be interrupted: it has ended, or just begins"
                )
            self._store.cancel(job, by)
            interrupt(self.folder(job))

    def tick(self) -> None:
        """Look at the active job once, and do what comes next."""
        with self._lock:
            job = self._store.active()
            if job is None:
                return
            seen = folders.seen(self.folder(job))
            if seen.running:
                return
            if job.cancelled_by and seen.code != 0:
                self._stop(job, seen.code)
            elif seen.code is None:
                self._end(job, LOST, why="its process is gone and left no exit code: killed, or the machine")
            elif seen.code:
                why = failure_of(self.folder(job)) or f"ansible-playbook ended with {seen.code}: see the log"
                self._end(job, FAILED, code=seen.code, why=why)
            else:
                self._end(job, SUCCEEDED, code=0)
        ended = self._store.find(job.id)
        if ended is not None:
            self._recover(ended)

    def _stop(self, job: Job, code: int | None) -> None:
        """Run stop.yml after the interrupted run, and see whether the volume is free."""
        folder = self.folder(job) / "stop"
        if not (folder / "command.json").exists():
            start(self._settings, folder, "playbooks/stop.yml", self._signs.variables(job))
            return
        stopped = folders.seen(folder)
        if stopped.running:
            return
        if not (folder / "process.json").exists():  # the service was killed before it was started
            (folder / "command.json").unlink()
            return
        held = self._held()
        if stopped.code == 0 and not held:
            self._end(job, CANCELLED, code=code, why=f"cancelled by {job.cancelled_by}")
        else:
            told = held or failure_of(folder) or f"playbooks/stop.yml ended with {stopped.code}"
            self._end(
                job, FAILED, code=code, why=f"interrupted by {job.cancelled_by}, and not cancelled: {told}"
            )

    def _held(self) -> str:
        """Return what a run still has, a sentence; empty where its load has ended and the volume is free."""
        try:
            found = self._status.now(fresh=0)
        except StatusError as error:
            return str(error)
        load = (found.get("load") or {}).get("load") or {}
        if load.get("state") == "running":
            return f"the load of run {load.get('run')} still runs"
        if not found["volume"]:
            return "the host of the volume did not say whether it is free"
        lock = found["volume"].get("lock")
        return f"run {lock.get('run')} still holds the volume" if lock else ""

    def _recover(self, job: Job) -> None:
        """Run recover.yml after a job whose run is gone, in the name of who started that."""
        if job.state != LOST or job.dry or job.kind == "recover":
            return
        try:
            self.begin(Order("recover", {}, False, job.person, through="service", parent=job.id), {})
        except Occupied:
            return  # somebody was quicker, and every run begins with the same recovery

    def _end(self, job: Job, state: str, *, code: int | None = None, why: str = "") -> None:
        self._store.end(job, state, code=code, why=why)
        self._status.forget()

    def _follow(self) -> None:
        while not self._over.wait(_TICK_S):
            self._tick_safely()

    def _tick_safely(self) -> None:
        try:
            self.tick()
        except Exception as error:  # noqa: BLE001 - the next look may go better; no job must stay for ever
            _LOG.error("the keeper could not look at the job: %s", error)
