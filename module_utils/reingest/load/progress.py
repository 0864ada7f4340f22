"""The state of a load as its file tells it: under way, ended, or dead."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from ..disclosure.printable import printable
from ..fs.durable_record import own_text
from ..fs.record_values import Time, parse_document, record_from
from ..host.boot import machine
from ..host.processes import started_at

FILE = "progress.json"  # in the run's folder on the worker
RUNNING, FINISHED, FAILED, DIED = "running", "finished", "failed", "died"
LARGEST = 8 << 20  # bytes of the file that are read; a meter shows less
SILENT_S = 30.0  # it writes once a second; silence for so long is reported, and the process looked at
_STATES = (RUNNING, FINISHED, FAILED, DIED)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
Count = Annotated[int, lambda count: count >= 0]
Seconds = Annotated[float, lambda seconds: seconds >= 0]
State = Annotated[str, lambda state: state in _STATES]
Pid = Annotated[int, lambda pid: pid > 0]


@dataclass(frozen=True)
class TableProgress:
    """One table; ``total`` is 0 where nobody knows how many bytes its sources have.

    ``fill_seconds`` is how long its rows took or take, ``seconds`` that and its keys and indexes.
    """

    table: str
    state: str
    rows: Count
    bytes: Count
    total: Count
    seconds: Seconds
    fill_seconds: Seconds


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
    state: State
    message: str
    line: str
    started: Time  # UTC, ISO 8601
    heartbeat: Time
    machine: str
    process: Pid
    process_started: str
    seconds: Seconds
    tables: tuple[TableProgress, ...]
    rows: Count
    bytes: Count
    total: Count
    fill_seconds: Seconds

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
    value = parse_document(text)
    tables = value.get("tables")
    if not isinstance(tables, list):
        raise ValueError("no state of a load: it has no tables")  # noqa: TRY004 - as for all that is none
    known = {one.name: value[one.name] for one in fields(Progress) if one.name in value}
    shown = [_printed(record_from(TableProgress, one)) for one in tables]
    return replace(_printed(record_from(Progress, {**known, "tables": ()})), tables=tuple(shown))


def _printed(one: T) -> T:
    """Return a record with its texts as they may be shown."""
    texts = {name: value for name, value in vars(one).items() if isinstance(value, str)}
    return replace(one, **{name: printable(text) for name, text in texts.items()})


def find_loads(work: Path) -> list[Progress]:
    """Return the loads that this host has the state of, the one that began last first."""
    found = []
    for path in work.glob(f"*/{FILE}"):
        with suppress(OSError, ValueError):  # another's file, or one that goes away just now
            found.append(read_progress(own_text(path, most=LARGEST)))
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
