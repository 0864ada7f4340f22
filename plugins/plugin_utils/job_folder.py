"""What a run tells the control service that started it: files in the job's folder.

``events.jsonl`` has a line for each thing that happened, ``progress.json`` how far the load is, and
``report.json`` the run's report. Nothing is written where the run was not started by the service.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

FOLDER = "REINGEST_JOB_FOLDER"  # in the environment of ansible-playbook
_LONGEST = 4000  # characters of a text


def job_folder() -> Path | None:
    """Return the folder of the job that this run is; None: it is no job."""
    named = os.environ.get(FOLDER, "")
    return Path(named) if named else None


def tell(folder: Path, event: str, **values: Any) -> None:
    """Add a line to the events."""
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    line = json.dumps({"event": event, "at": at, **values}, default=str) + "\n"
    _append(folder / "events.jsonl", line.encode())


def tell_window(folder: Path, **values: Any) -> None:
    """Say that the window opens; whoever is about to cancel the run comes before that, or after it."""
    handle = os.open(folder / "events.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        tell(folder, "stage", **values)
    finally:
        os.close(handle)


def replace_with(path: Path, value: Mapping[str, Any]) -> None:
    """Write a file of the folder at once."""
    ready = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(ready, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, default=str)
    ready.replace(path)


def shortened(text: str) -> str:
    """Return a text that is not too long for a line."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _append(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)
