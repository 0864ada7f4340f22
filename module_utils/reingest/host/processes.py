"""A process that is known again: ids are used again, an id with its start time is not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

USUAL_UMASK = 0o022  # of what a module starts: its own lets nobody else read what it writes


def started_at(pid: int) -> str | None:
    """Return the start time of a process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return started_in(line)


def started_in(line: str) -> str | None:
    """Return the start time that a line of ``/proc/<pid>/stat`` has; None: the process ended."""
    fields = line.rpartition(")")[2].split()  # the name before it may hold spaces
    return None if len(fields) < 20 or fields[0] in ("Z", "X") else fields[19]


def send(pid: int, started: str, number: int) -> bool:
    """Send a signal to a process, and to no other that got its id since; return whether it is there.

    Raises:
        PermissionError: it belongs to another account.
    """
    if pid <= 1 or started_at(pid) != started:
        return False
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except OSError:  # no such call: Linux before 5.3, or forbidden in this container
        os.kill(pid, number)
        return True
    try:
        if started_at(pid) != started:
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def is_module(pid: int) -> bool:
    """Return whether a process is one of Python that runs as this account, as all modules of a run do."""
    try:
        program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - its name alone
        account = os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 - as above
    except OSError:
        return False
    name = os.path.basename(program)  # noqa: PTH119 - as above
    return account == os.geteuid() and name.startswith(("python", "pypy"))
