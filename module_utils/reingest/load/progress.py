"""The state of a load as its file tells it: under way, ended, or dead."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..disclosure.printable import printable
from ..host.boot import machine
from ..host.processes import started_at

FILE = "progress.json"  # in the run's folder on the worker
RUNNING, FINISHED, FAILED, DIED = "running", "finished", "failed", "died"
LARGEST = 8 << 20  # bytes of the file that are read; a meter shows less
SILENT_S = 30.0  # it writes once a second; silence for so long is reported, and the process looked at
_STATES = (RUNNING, FINISHED, FAILED, DIED)
_MOST, _DIGITS = 1 << 63, 20


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
    started: str  # UTC, ISO 8601
    heartbeat: str
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
    """Return what a file says; its texts as they may be shown.

    The file lies on a host that may be in the wrong hands, and is read by others: nothing in it is believed
    to be of its type.

    Raises:
        ValueError: it is no such file.
    """
    try:
        value = json.loads(text, parse_int=_whole, parse_constant=_refuse_constant)
        tables = tuple(TableProgress(**_typed(TableProgress, table)) for table in value["tables"])
        load = Progress(**_typed(Progress, value), tables=tables)
        moments = [datetime.fromisoformat(text) for text in (load.started, load.heartbeat)]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no state of a load: {error}") from error
    if load.state not in _STATES or load.process < 1 or None in [one.tzinfo for one in moments]:
        raise ValueError("no state of a load: its state, its process or its times are none")
    return load


def _typed(kind: type[Progress | TableProgress], raw: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a class as their annotations say, but for ``tables``."""
    found: dict[str, Any] = {}
    for field in fields(kind):
        if field.name == "tables":
            continue
        value = raw[field.name]
        if field.type == "str":
            good = isinstance(value, str)
        else:
            whole = field.type == "int"
            good = type(value) is int or (type(value) is float and not whole and math.isfinite(value))
            good = good and 0 <= value <= _MOST
        if not good:
            raise ValueError(f"no state of a load: {field.name} is no {field.type}")
        found[field.name] = printable(value) if field.type == "str" else value
    return found


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:  # Python takes minutes for millions of them
        raise ValueError("no state of a load: a number of too many digits")
    return int(digits)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"no state of a load: {name}")


def find_loads(work: Path) -> list[Progress]:
    """Return the loads that this host has the state of, the one that began last first."""
    found = []
    for path in work.glob(f"*/{FILE}"):
        # Another's file, or one that goes away just now.
        with suppress(OSError, ValueError), path.open(encoding="utf-8") as file:
            found.append(read_progress(file.read(LARGEST)))
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
