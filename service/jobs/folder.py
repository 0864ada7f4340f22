"""A job's folder: what it was started with, and what it leaves. Only the service's account may read it.

``command.json`` and ``variables.json`` are written before the start; ``process.json``, ``playbook.json``,
``exit.json`` and ``log`` by the wrapper; ``events.jsonl``, ``progress.json`` and ``report.json`` by the
callback ``dataportal.reingest.job_events``. All may be missing, or cut short.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins.module_utils.reingest.host.processes import started_at

from .wrapper import write

_LARGEST = 64 << 20


@dataclass(frozen=True)
class Seen:
    """What is to be seen of a job's processes."""

    running: bool
    code: int | None = None  # None where it runs, and where nothing says how it ended


def seen(folder: Path) -> Seen:
    """Return whether a job runs, by its processes' ids and start times, or else its exit code."""
    if any(lives(folder / name) for name in ("process.json", "playbook.json")):
        return Seen(running=True)
    code = (read(folder / "exit.json") or {}).get("code")
    return Seen(running=False, code=code if isinstance(code, int) else None)


def lives(path: Path) -> bool:
    """Return whether the process that a file names is there."""
    found = read(path) or {}
    pid, started = found.get("pid"), found.get("started")
    return isinstance(pid, int) and pid > 0 and bool(started) and started_at(pid) == started


def abandon(folder: Path) -> bool:
    """Take a job that was never started from whoever might still start it; False: it was started."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        write(folder / "process.json", {"pid": 0, "started": ""}, exclusive=True)
    except FileExistsError:
        return False
    return True


def read(path: Path) -> dict[str, Any] | None:
    """Return what a file of JSON holds; None where there is none that can be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            found = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def events(folder: Path) -> list[dict[str, Any]]:
    """Return what the run told, oldest first; a line that is cut short is left out."""
    found = []
    try:
        text = (folder / "events.jsonl").read_bytes()[:_LARGEST].decode("utf-8", "replace")
    except OSError:
        return []
    for line in text.splitlines():
        try:
            one = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(one, dict) and isinstance(one.get("event"), str):
            found.append(one)
    return found


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep the run from opening its window meanwhile: it takes the same lock to say that it does."""
    with (folder / "events.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
