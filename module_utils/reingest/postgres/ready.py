"""Whether the server of a data directory accepts connections, by what it says there itself: without a login.

``postmaster.pid`` has the server's state in its line 8 since PostgreSQL 10 (``src/include/utils/pidfile.h``).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from ..fs.no_follow import UnsafePathError, read_small, status_of
from ..host.processes import started_at
from .working import working_in

_READY = "ready"
_STATE_LINE = 7


def why_not_ready(data: Path) -> str:
    """Return why the server of the directory does not accept connections yet; empty when it does.

    A file that a killed server left says ready, too. So a process must work in the directory, and must have
    been there when the file was last written.
    """
    workers = working_in(data).seen
    if not workers:
        return f"no process works in {data}"
    path = data / "postmaster.pid"
    try:
        lines = read_small(path).decode("utf-8", errors="replace").splitlines()
        status = status_of(path)
    except FileNotFoundError:
        return f"{path} is not there: the server starts, or ends"
    except UnsafePathError as error:
        return str(error)
    except PermissionError:
        return f"{path} cannot be read by this account"
    if status is None:
        return f"{path} is not there: the server ends"
    state = lines[_STATE_LINE].strip() if len(lines) > _STATE_LINE else "not told yet"
    if state != _READY:
        return f"the server of {data} is not ready: {state}"
    began = [moment for moment in map(_began, workers) if moment is not None]
    if (
        not began or status.st_mtime < min(began) - 1
    ):  # the kernel counts in hundredths, and the clock may be adjusted
        return f"{path} was left by a server that was killed"
    return ""


def stops(data: Path) -> bool:
    """Return whether the server of the directory is on its way out."""
    try:
        lines = read_small(data / "postmaster.pid").decode("utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return len(lines) > _STATE_LINE and lines[_STATE_LINE].strip() == "stopping"


def _began(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970 by the clock as it goes now."""
    ticks = started_at(pid)
    if ticks is None:
        return None
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK")
    return time.time() - age
