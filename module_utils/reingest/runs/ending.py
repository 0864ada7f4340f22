"""Ends a load that runs on although its run is over."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from ..errors import Refusal
from ..external_loader.keeper import descendants
from ..host.processes import send, started_at
from ..load.progress import RUNNING, Progress, find_loads, process_runs

_GRACE_S = 5.0
_LONGEST_S = 20.0  # the keeper of a portal's own loader asks first, too
_POLL_S = 0.05


def loads_of_others(work: Path, run: str, staging: str) -> list[Progress]:
    """Return the loads of other runs that this host runs, into the staging server at that address."""
    return [load for load in running_loads(work, staging) if load.run != run]


def running_loads(work: Path, staging: str) -> list[Progress]:
    """Return all loads that this host runs, into the staging server at that address."""
    return [
        load
        for load in find_loads(work)
        if load.staging == staging and load.state == RUNNING and process_runs(load)
    ]


def end_others(work: Path | None, run: str, staging: str, *, dry: bool) -> list[str]:
    """End the loads of other runs into the staging server that this host still runs; return those runs.

    Args:
        work: this host's own directory; None where it keeps no state of loads.
        run: the run that asks.
        staging: the staging server's address.
        dry: check mode: only say which.

    Raises:
        Refusal: one belongs to another account, or does not end.
    """
    loads = loads_of_others(work, run, staging) if work is not None else []
    if not dry:
        for load in loads:
            end_load(load)
    return [load.run for load in loads]


def end_load(load: Progress) -> None:
    """End the load's process, and wait until it and all that it started are gone.

    Raises:
        Refusal: it belongs to another account, or does not end.
    """
    below = {process: started_at(process) for process in descendants(load.process)}
    began = time.monotonic()
    asked = killed = False
    while process_runs(load) or any(
        start and started_at(process) == start for process, start in below.items()
    ):
        waited = time.monotonic() - began
        if waited > _LONGEST_S:
            raise Refusal(
                f"process {load.process} of the load of run {load.run} does not end: end it manually"
            )
        if process_runs(load):
            if not asked:
                asked = _sent(load, signal.SIGTERM)
            elif waited > _GRACE_S and not killed:
                killed = _sent(load, signal.SIGKILL)
        time.sleep(_POLL_S)


def _sent(load: Progress, number: int) -> bool:
    try:
        send(load.process, load.process_started, number)
    except PermissionError as error:
        raise Refusal(
            f"process {load.process} still loads for run {load.run}, under another account: end it manually"
        ) from error
    return True
