"""How far a job is, and why it failed, from what its run told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .folder import events, read

_LOAD = ("release", "phase", "rows", "bytes", "total", "seconds", "rows_per_second", "seconds_left", "tables")


def progress_of(folder: Path) -> dict[str, Any]:
    """Return where a run is.

    Returns:
        ``run`` (its id), ``play``, ``task``, ``window`` (whether production is being switched) and ``load``
        (rows, bytes, rate, seconds left, tables), each None where nothing is known.
    """
    found: dict[str, Any] = {"run": None, "play": None, "task": None, "window": False, "load": None}
    for one in events(folder):
        event = one["event"]
        if event == "run":
            found["run"] = str(one.get("run"))
        elif event == "play":
            found["play"], found["task"] = str(one.get("name")), None
        elif event == "task":
            found["task"] = str(one.get("name")).rpartition(" : ")[2]  # without its role
        elif event == "stage":
            found["window"] = bool(one.get("window"))
    load = read(folder / "progress.json")
    if load is not None:
        found["load"] = {name: load.get(name) for name in _LOAD}
    return found


def failure_of(folder: Path) -> str:
    """Return the last reason that a run gave for its failure; empty where it gave none."""
    for one in reversed(events(folder)):
        if one["event"] == "result" and one.get("outcome") in ("failed", "unreachable"):
            return str(one.get("message") or "")
    return ""
