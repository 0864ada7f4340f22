"""Who has the volume: one run at a time by its claim, and within it one verb at a time by the kernel's lock.

The claim is a file that names the run, and that each verb of the run renews. It guards against a run that is
still alive elsewhere: a verb works only for the run that has the claim, so one that was taken over, or was
presumed dead, can change nothing any more. The kernel's lock guards against two verbs at once, and goes
with its process, however that ends. Neither leaves anything to be deleted by hand.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO

from ..errors import Refusal
from ..fs.durable import make_own_directory
from ..fs.durable_record import DamagedRecord, DurableRecord
from ..fs.lock_file import UNKNOWN as UNKNOWN_WORKER
from ..fs.lock_file import (
    Worker,
    open_lock,
    read_worker,
    this_process,
    wait_for_lock,
    worker_at,
    write_worker,
)
from ..fs.record_values import RunId, record_from
from .layout import Volume
from .reserve import give_up_reserve, keep_reserve
from .run_id import UNKNOWN, told_run

VERSION = 1
_VERB, _CLAIM = "verb.lock", "claim.lock"
_PATIENCE_S = {
    _VERB: 3600.0,
    _CLAIM: 30.0,
}  # a verb that is started twice waits for itself: it may copy or delete


@dataclass(frozen=True)
class Claim:
    """The run that has the volume."""

    run: RunId
    operator: str
    controller: str  # machine and boot of the controller, so that a process id means something
    process: int  # the ansible-playbook process
    process_started: str  # its start time as the kernel tells it: process ids are used again
    since: str  # ISO 8601, UTC, like `renewed`
    renewed: str = ""
    phase: str = ""  # what the run is doing
    proof: str = ""  # the fingerprint of the key that proved who runs; empty: nothing did
    version: int = VERSION


def holder(volume: Volume) -> Claim | None:
    """Return who has the volume; None when it is free.

    Raises:
        Refusal: the claim cannot be read, or is of a later version of reingest.
    """
    try:
        return _record(volume).read()
    except DamagedRecord:
        return Claim(UNKNOWN, UNKNOWN, "", 0, "", "an unknown time", phase="?: its claim file is damaged")


def _record(volume: Volume) -> DurableRecord[Claim]:
    return DurableRecord(
        volume.claim,
        lambda raw: record_from(Claim, raw),
        VERSION,
        if_other="the volume is held by a run of another reingest; use that one",
    )


def held(run: Claim, age: float) -> str:
    """Return the refusal's text for a volume that another run has, for ``age`` seconds at most."""
    doing = f", now: {run.phase} (last sign of life {run.renewed or 'unknown'})" if run.phase else ""
    after = f", or after {age / 3600:.3g} h without a sign of life (reingest_claim_age)" if age else ""
    return (
        f"the volume is held by run {run.run} of {run.operator} since {run.since}{doing} (process "
        f"{run.process} on {run.controller.split('/')[0]}): wait until it ends; if that run is dead, take "
        f"over with -e reingest_take_over={told_run(run.run)}{after}"
    )


def claim(volume: Volume, wanted: Claim, *, take_over: str = "", age: float = 0) -> Claim | None:
    """Claim the volume for a run; return whose claim was replaced.

    Args:
        volume: the volume.
        wanted: the run.
        take_over: the dead run whose claim may be replaced.
        age: how many seconds old a claim must be to be replaced without being named, when no verb of its run
            works; 0: never.

    Raises:
        Refusal: another run has it, or the file system refuses it.
    """
    with refusing(volume), _locked(volume, _CLAIM):
        now = refuse_held(volume, wanted.run, take_over=take_over, age=age)
        if now is None or now.run != wanted.run:
            _write_claim(volume, replace(wanted, renewed=wanted.since))
    return None if now is None or now.run == wanted.run else now


def refuse_held(volume: Volume, run: str, *, take_over: str = "", age: float = 0) -> Claim | None:
    """Return the claim that a run would have, or replace; None: the volume is free.

    Raises:
        Refusal: another run has it.
    """
    now = holder(volume)
    if now is None or now.run == run or _is_named(now, take_over) or (age and _is_old(volume, now, age)):
        return now
    raise Refusal(held(now, age))


def _is_named(now: Claim, take_over: str) -> bool:
    """Return whether somebody says that the claim's run is dead; one that is no id goes by ``UNKNOWN``."""
    return bool(take_over) and take_over == told_run(now.run)


def release(volume: Volume, run: str) -> bool:
    """Give the volume back; return whether the run had it. Another run's claim is left alone.

    Raises:
        Refusal: the file system refuses it.
    """
    with refusing(volume), _locked(volume, _CLAIM):
        now = holder(volume)
        if now is None or now.run != run:
            return False
        _record(volume).remove()
        keep_reserve(volume)
    return True


def check_run(volume: Volume, run: str, *, dry: bool = False) -> None:
    """Refuse a run that does not have the volume: one that was taken over, or given up, must not go on.

    Args:
        volume: the volume.
        run: the run's id.
        dry: check mode: the claim is only planned, too, and the claim has told whether the run would get it;
            there may still be that of a dead run.
    """
    now = holder(volume)
    if dry:
        return
    if now is None:
        raise Refusal(
            f"run {run} does not have the volume {volume.root}: it was presumed dead and what it had "
            "begun was completed or reverted (status.yml shows it), or it never claimed the "
            "volume; start a new run"
        )
    if now is not None and now.run != run:
        raise Refusal(held(now, 0))


@contextmanager
def verb(volume: Volume, run: str, *, phase: str = "") -> Iterator[None]:
    """Hold the volume for the length of one verb of the run that has it, and renew the run's claim.

    One that is started twice runs once at a time, and finds its work done. What the file system refuses on
    the way is a refusal: each step is durable before the next, so the next run resumes from there.

    Raises:
        Refusal: another run has the volume, or no run, or the file system refuses a step.
    """
    with refusing(volume), _locked(volume, _VERB) as lock:
        check_run(volume, run)
        renew(volume, run, phase)  # before anything else is written: on a full disk this makes room
        write_worker(lock, this_process(run))
        yield


def renew(volume: Volume, run: str, phase: str) -> None:
    """Say that the run is alive, and what it does."""
    with _locked(volume, _CLAIM):
        now = holder(volume)
        if now is not None and now.run == run:
            _write_claim(volume, replace(now, phase=phase or now.phase, renewed=now_text()))


def lock_of(volume: Volume) -> Path:
    """Return the file that the process which works on the volume has locked."""
    return volume.records / _VERB


def worker(volume: Volume) -> Worker | None:
    """Return the process that works on the volume at this moment; None when none does."""
    return worker_at(lock_of(volume))


def now_text() -> str:
    """Return the time as records show it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _is_old(volume: Volume, now: Claim, age: float) -> bool:
    try:
        renewed = datetime.fromisoformat(now.renewed or now.since)
    except ValueError:
        return worker(volume) is None  # damaged: nobody can tell whose it is
    return datetime.now(timezone.utc) - renewed > timedelta(seconds=age) and worker(volume) is None


def _write_claim(volume: Volume, wanted: Claim) -> None:
    """Write the claim; on a full disk the room that is kept for that is given up, for all that follows."""
    try:
        _record(volume).write(wanted)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not give_up_reserve(volume):
            raise
        _record(volume).write(wanted)


@contextmanager
def _locked(volume: Volume, name: str) -> Iterator[IO[str]]:
    """Hold a file's lock; the kernel gives it back when the process ends, however it ends."""
    make_own_directory(volume.records)
    path = volume.records / name
    with open_lock(path) as lock:
        if not wait_for_lock(lock, _PATIENCE_S[name]):
            who = read_worker(lock) or UNKNOWN_WORKER
            raise Refusal(
                f"{path} is locked for more than {_PATIENCE_S[name]:.0f} s by process {who.pid or 'unknown'} "
                f"of run {who.run}: wait until it ends, or look what it waits for"
            )
        yield lock


@contextmanager
def refusing(volume: Volume) -> Iterator[None]:
    """Tell what the file system refuses as a refusal."""
    try:
        yield
    except Refusal:
        raise
    except OSError as error:
        path = Path(str(error.filename)) if error.filename else volume.root
        raise Refusal(
            f"{path} cannot be changed ({error.strerror or error}): correct that; every step before this "
            "one is on disk, and the next run, or recover.yml, resumes from there"
        ) from error
