"""Where an engine keeps what it knows of a service: beside the window's records, never in their place."""

from __future__ import annotations

from pathlib import Path

_TAKEN = frozenset({"service", "watchdog", "window"})  # how the names of other records begin


def record_file(records: Path, service: str, kind: str) -> Path:
    """Return the file of a service; the name of a service may be any, ``window`` too."""
    name = f"service.{service}" if service.partition(".")[0] in _TAKEN else service
    return records / f"{name}.{kind}"
