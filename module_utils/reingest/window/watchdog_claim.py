"""The claim under which a watchdog has the volume."""

from __future__ import annotations

import os
import socket

from ..host.boot import machine
from ..host.processes import started_at
from ..volume.lock import Claim, now_text

_SUFFIX = "-watchdog"
_SUFFIX_BEFORE = "-dead-man"  # a claim may be left from before reingest was updated


def watchdog_run(run: str) -> str:
    """Return the name under which the watchdog of a run has the volume."""
    return f"{run}{_SUFFIX}"


def watchdog_claim(run: str, operator: str) -> Claim:
    """Return the claim of this process for the recovery of a run."""
    return Claim(
        run=watchdog_run(run),
        operator=operator,
        controller=machine(),
        process=os.getpid(),
        process_started=started_at(os.getpid()) or "",
        since=now_text(),
        phase="the watchdog recovers",
    )


def left_behind(now: Claim | None) -> str:
    """Return the name of the run that has the volume, where that is a watchdog of this host that died itself.

    Whether a run is dead, its controller knows; a watchdog's controller is the host of the volume.
    """
    if now is None or not now.run.endswith((_SUFFIX, _SUFFIX_BEFORE)):
        return ""
    if now.controller.split("/")[0] != socket.gethostname():
        return ""
    lives = now.controller == machine() and started_at(now.process) == now.process_started
    return "" if lives else now.run
