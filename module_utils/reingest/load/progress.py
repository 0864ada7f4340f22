"""The state of a load as its file tells it: under way, ended, or dead."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..fs.durable_record import own_text
from ..fs.record_values import Time, parse_document, record_from
from ..host.boot import machine
from ..host.processes import started_at

FILE = "progress.json"  # in the run's folder on the worker
RUNNING, FINISHED, FAILED, DIED = "running", "finished", "failed", "died"
SILENT_S = 30.0  # it writes once a second; silence for so long is reported, and the process looked at


@dataclass(frozen=True)
class TableProgress:
    """One table; ``total`` is 0 where nobody knows how many bytes its sources have.

    ``fill_seconds`` is how long its rows took or take, ``seconds`` that and its keys and indexes.
    """

    table: str
    state: str
    rows: int
    bytes: int
    total: int
    seconds: float
    fill_seconds: float


@dataclass(frozen=True)
class Progress:
    """A load. ``fill_seconds`` is how long its tables have been filled, ``seconds`` all of it.

    ``line`` is the last line of progress of the portal's own loader.
    """

    run: str
    operator: str
    staging: str
    release: str
    snapshot: str
    phase: str
    state: str
    message: str
    line: str
    started: Time  # UTC, ISO 8601
    heartbeat: Time
    machine: str
    process: int
    process_started: str
    seconds: float
    tables: tuple[TableProgress, ...]
    rows: int
    bytes: int
    total: int
    fill_seconds: float

    def as_values(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)


def read_progress(text: str) -> Progress:
    """Return what a file says.

    Raises:
        ValueError: it is no such file.
    """
    value = parse_document(text)
    known = {one.name for one in fields(Progress)}
    return record_from(Progress, {name: value[name] for name in value if name in known})


def find_loads(work: Path) -> list[Progress]:
    """Return the loads that this host has the state of, the one that began last first."""
    found = []
    for path in work.glob(f"*/{FILE}"):
        with suppress(OSError, ValueError):  # another's file, or one that goes away just now
            found.append(read_progress(own_text(path)))
    return sorted(found, key=lambda load: load.started, reverse=True)


def fate(load: Progress, now: datetime) -> str:
    """Return the state as it is: a load that runs by its file, and whose process is gone, has died.

    How late its heartbeat is says nothing while its process lives: the machine may be busy, or the disk full.
    Only where the process cannot be looked for, after a restart or on another machine, silence is taken for
    death. ``now`` is the time of the host that loads.
    """
    if load.state != RUNNING:
        return load.state
    if load.machine == machine():
        return RUNNING if process_runs(load) else DIED
    return DIED if silence(load, now) > SILENT_S else RUNNING


def silence(load: Progress, now: datetime) -> float:
    """Return for how many seconds the load has given no sign of life."""
    return (now - datetime.fromisoformat(load.heartbeat)).total_seconds()


def process_runs(load: Progress) -> bool:
    """Return whether the process that loads is there, on this machine; ids of processes are used again."""
    return load.machine == machine() and started_at(load.process) == load.process_started


def now() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)
