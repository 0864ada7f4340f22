"""The claim under which a dead man has the volume."""

from __future__ import annotations

import os
import socket

from ..host.boot import boot_id
from ..host.processes import started_at
from ..volume.lock import Claim, now_text

_SUFFIX = "-dead-man"


def dead_mans_run(run: str) -> str:
    """Return the name under which the watcher of a run has the volume."""
    return f"{run}{_SUFFIX}"


def dead_mans_claim(run: str, operator: str) -> Claim:
    """Return the claim of this process for the recovery of a run."""
    return Claim(
        run=dead_mans_run(run),
        operator=operator,
        controller=_machine(),
        process=os.getpid(),
        process_started=started_at(os.getpid()) or "",
        since=now_text(),
        phase="the dead man recovers",
    )


def left_behind(now: Claim | None) -> str:
    """Return the name of the run that has the volume, where that is a dead man of this host who died himself.

    A claim of a run is told dead by its controller; a dead man's controller is the host of the volume.
    """
    if now is None or not now.run.endswith(_SUFFIX):
        return ""
    if now.controller.split("/")[0] != socket.gethostname():
        return ""
    lives = now.controller == _machine() and started_at(now.process) == now.process_started
    return "" if lives else now.run


def _machine() -> str:
    """Return this machine and its boot, as the action plugin ``run_lock`` names a controller."""
    return f"{socket.gethostname()}/{boot_id()}/{started_at(1) or ''}"
