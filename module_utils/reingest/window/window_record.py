"""The record of an open window: what a host needs to bring its part of the portal back by itself.

It lies beside the services' own records, in the host's work directory and not on the volume: it names
commands that are run with this account's rights, and the volume belongs to the servers' account. On the
volume there is a note of where it lies, for whoever looks at the volume.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engines.model import Service, service_from
from ..errors import Refusal
from ..fs.durable import PRIVATE_FOLDER
from ..fs.durable_record import DamagedRecord, DurableRecord
from ..fs.record_values import RunId, record_from
from ..volume.layout import Volume
from ..volume.snapshot_id import MaybeSnapshotId

VERSION = 1
_FILE, _CLOSED, _NOTE = "window.json", "window.closed.json", "window.json"


@dataclass(frozen=True)
class Window:
    """A switch that a run has begun on this host and not ended."""

    run: RunId
    operator: str
    volume: str  # empty on a host without it
    snapshot: MaybeSnapshotId  # what prod is to lead to
    previous: MaybeSnapshotId  # what it leads to when the window is opened; empty: nothing
    engine: str
    production: tuple[Mapping[str, Any], ...]  # this host's services, as module service_group gets them
    staging: tuple[Mapping[str, Any], ...]
    writers: tuple[Mapping[str, Any], ...]
    stop_timeout: float
    start_timeout: float
    watchdog: float  # seconds without a sign of the run after which it is presumed dead
    boot: str  # of the machine, and
    opened: float  # the seconds since then: no clock that somebody sets
    since: str  # the time as people read it
    # Production's connection string, where users' rows are carried: whoever ends the switch lifts the fence.
    login: str = ""
    failed: str = ""  # why the switch is taken back; written before the undo begins
    # Those that hold the writers' clients instead of writers that are stopped; without passwords.
    poolers: tuple[Mapping[str, Any], ...] = ()
    # The command that takes the maintenance answer away again; empty: none was given.
    maintenance_off: tuple[str, ...] = ()
    version: int = VERSION


@dataclass(frozen=True)
class Closed:
    """How the last window of this host came to its end."""

    run: RunId
    by: str  # the run that closed it, or the watchdog's
    at: str
    live: MaybeSnapshotId  # what prod leads to since; empty on a host without the volume


@dataclass(frozen=True)
class Note:
    """On the volume: where the record of the open window lies."""

    run: RunId
    records: str
    version: int = VERSION


class DamagedWindow(DamagedRecord):
    """A record that is none: nobody can tell what was begun."""


@contextmanager
def refusing(records: Path) -> Iterator[None]:
    """Tell what the file system refuses as a refusal."""
    try:
        yield
    except Refusal:
        raise
    except OSError as error:
        path = error.filename or records
        raise Refusal(
            f"{path} cannot be changed ({error.strerror or error}): correct that, then run again"
        ) from error


def boottime() -> float:
    """Return the seconds since the machine was started, also those in which it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def stored(services: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return services as they are written down: without any connection string.

    A server is then proven by what it says itself in its data directory, see ``services.group``.
    """
    return tuple({**service, "health": _without_login(service)} for service in services)


def services(raw: Sequence[Mapping[str, Any]]) -> tuple[Service, ...]:
    """Return the services of a record."""
    return tuple(service_from(one) for one in raw)


def read_window(records: Path) -> Window | None:
    """Return the open window of a host; None when none is.

    Raises:
        DamagedWindow: the record is none.
        Refusal: it cannot be read, or is of a later version of reingest.
    """
    return _record(records).read()


def _record(records: Path) -> DurableRecord[Window]:
    return DurableRecord(
        records / _FILE,
        _window,
        VERSION,
        damaged=DamagedWindow,
        if_damaged=": recover.yml puts it aside, goes by the volume's journal and starts all",
        if_denied="run as the account that runs reingest",
    )


def _window(raw: dict[str, Any]) -> Window:
    if "dead_man" in raw:  # its name before: a window may be open while reingest is updated
        raw = {"watchdog": raw["dead_man"], **{key: raw[key] for key in raw if key != "dead_man"}}
    window = record_from(Window, raw)
    for each in (window.production, window.staging, window.writers):
        services(each)
    return window


def read_note(volume: Volume) -> Note | None:
    """Return where the record of the volume's open window lies; None when none is open.

    Raises:
        Refusal: it cannot be read.
    """
    return _note(volume).read()


def _closed(records: Path) -> DurableRecord[Closed]:
    return DurableRecord(records / _CLOSED, lambda raw: record_from(Closed, raw))


def _note(volume: Volume) -> DurableRecord[Note]:
    return DurableRecord(volume.records / _NOTE, lambda raw: record_from(Note, raw), VERSION)


def write_window(records: Path, window: Window) -> None:
    """Write the record, durably; only its account can read it."""
    records.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    _record(records).write(window)
    if window.volume:
        _note(Volume(Path(window.volume))).write(Note(window.run, str(records)))


def remove_window(records: Path, window: Window, *, by: str, at: str, live: str) -> None:
    """Say that the window is closed, and by whom: a run that comes back to life is refused with it."""
    _closed(records).write(Closed(window.run, by, at, live))
    if window.volume:
        _note(Volume(Path(window.volume))).remove()
    _record(records).remove()  # last: while it is there, whoever recovers closes the window again


def put_aside(records: Path) -> None:
    """Put a damaged record aside, durably."""
    _record(records).put_aside("window.damaged.json")


def read_closed(records: Path) -> Closed | None:
    """Return how the last window ended; None when there was none."""
    try:
        return _closed(records).read()
    except DamagedRecord:
        return None


def refuse_closed(records: Path, run: str) -> None:
    """Refuse a run whose window is not open on this host: its watchdog has acted, so it must stop.

    Raises:
        Refusal: there is no window, or another run's.
    """
    window = read_window(records)
    if window is not None and window.run == run:
        return
    closed = read_closed(records)
    if closed is not None and closed.run == run:
        told = f"was closed by {closed.by} at {closed.at}"
    else:
        told = f"is not open on this host ({records})"
    raise Refusal(
        f"the window of run {run} {told}, what it had begun was completed or reverted; nothing was done: "
        "status.yml tells what is live, then start a new run"
    )


def _without_login(service: Mapping[str, Any]) -> dict[str, Any]:
    health = dict(service.get("health") or {})
    login = health.pop("postgresql", "")
    health.pop("database", None)
    others = any(health.get(kind) for kind in ("container", "tcp", "http"))
    if login and service.get("data") and not others:
        health["ready"] = True
    return health
