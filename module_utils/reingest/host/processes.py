"""A process that is known again: ids are used again, an id with its start time is not."""

from __future__ import annotations

from pathlib import Path


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
