"""Who has the volume: one run at a time, and one verb at a time within it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from ..errors import Refusal
from .durable import make_directory, sync_directory, write_json
from .fresh import put_fresh
from .layout import Volume


@dataclass(frozen=True)
class Holder:
    """The run that has the volume."""

    run: str
    operator: str
    controller: str  # machine and boot of the controller, so that a process id means something
    process: int  # the ansible-playbook process
    process_started: str  # its start time as the kernel tells it: process ids are used again
    since: str


def holder(volume: Volume) -> Holder | None:
    """Return who has the volume; None when it is free."""
    try:
        return Holder(**json.loads(volume.lock.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def held(run: Holder) -> str:
    """Return the refusal's text for a volume that another run has."""
    return (
        f"the volume is held by run {run.run} of {run.operator} since {run.since} (process {run.process} on "
        f"{run.controller.split('/')[0]}): wait until it ends; if that run is dead, take over with -e "
        f"reingest_take_over={run.run}"
    )


def claim(volume: Volume, wanted: Holder, *, take_over: str = "") -> bool:
    """Claim the volume for a run; return whether it was free before.

    ``take_over`` names the dead run whose lock may be replaced.

    Raises:
        Refusal: another run has it.
    """
    with _one_at_a_time(volume, "claim.lock"):
        now = holder(volume)
        if now is not None and now.run == wanted.run:
            return False
        if now is not None and now.run != take_over:
            raise Refusal(held(now))
        write_json(volume.lock, asdict(wanted))
        put_fresh(volume)  # what the run before left half done between two renames
    return True


def release(volume: Volume, run: str) -> bool:
    """Give the volume back; return whether the run had it. Another run's claim is left alone."""
    with _one_at_a_time(volume, "claim.lock"):
        now = holder(volume)
        if now is None or now.run != run:
            return False
        volume.lock.unlink()
        sync_directory(volume.records)
    return True


def check_run(volume: Volume, run: str) -> None:
    """Refuse when another run has the volume: a run that was taken over must not go on."""
    now = holder(volume)
    if now is not None and now.run != run:
        raise Refusal(held(now))


@contextmanager
def verb(volume: Volume, run: str) -> Iterator[None]:
    """Hold the volume for the length of one verb: one that is started twice runs once at a time."""
    with _one_at_a_time(volume, "verb.lock"):
        check_run(volume, run)
        yield


def now_text() -> str:
    """Return the time as records show it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@contextmanager
def _one_at_a_time(volume: Volume, name: str) -> Iterator[None]:
    """Hold a file's lock; the kernel gives it back when the process ends, however it ends."""
    root = os.open(volume.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(root, fcntl.LOCK_EX)  # two runs may both be the first on this volume
        make_directory(volume.records, like=volume.root)
    finally:
        os.close(root)
    with (volume.records / name).open("a", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
