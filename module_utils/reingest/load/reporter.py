"""The state of a load as a file, for whoever waits for it: written once a second, whatever the load is at."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn

from ..errors import Refusal
from ..host.boot import machine
from ..host.processes import started_at
from .meter import Meter
from .progress import DIED, FAILED, FILE, FINISHED, RUNNING, process_runs, read_progress

_BEAT_S = 1.0
_PLAN = "plan"


class Reporter:
    """The load's own side: it says which phase it is in, and counts in ``meter``.

    The file is written by a process that is forked at once, before there is any connection: it needs no
    thread in the process that forks the workers, and when the load is killed it says so.
    """

    def __init__(self, folder: Path | None = None, facts: Mapping[str, Any] | None = None) -> None:
        """``folder`` is the run's; without one nothing is written. ``facts`` are shown as they are."""
        self.meter = Meter()
        self._path = folder / FILE if folder else None
        self._began = time.monotonic()
        self._value: dict[str, Any] = {
            **(facts or {}),
            "phase": _PLAN,
            "state": RUNNING,
            "message": "",
            "line": "",
            "started": _now(),
            "began": self._began,
            "machine": machine(),
            "process": os.getpid(),
            "process_started": started_at(os.getpid()),
        }
        self._child = 0

    def begin(self) -> None:
        """Write the file, and have it written from now on.

        Raises:
            Refusal: it cannot be written, or a load of the same run is under way.
        """
        self.meter.show(self._value)
        if self._path is None:
            return
        _refuse_twice(self._path)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._path, self.meter.shown())
        except OSError as error:
            raise Refusal(
                f"the load's progress {self._path} cannot be written: {error.strerror}; correct reingest_work"
            ) from error
        parent = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            _report(self._path, self.meter, parent)

    def know(self, **facts: str) -> None:
        """Show what is known only now, such as the snapshot."""
        self._value.update(facts)
        self.meter.show(self._value)

    def enter(self, phase: str) -> None:
        """Say which phase the load is in."""
        self.know(phase=phase)

    def say(self, line: str) -> None:
        """Show the last line of progress of the portal's own loader."""
        if line != self._value["line"]:
            self.know(line=line)

    def end(self, state: str, message: str = "") -> None:
        """Write how it ended; nobody writes the file after that."""
        self.know(state=state, message=message)
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0
        if self._path is not None:
            with suppress(OSError):  # what the load came to must not be lost for the sake of its progress
                _write(self._path, self.meter.shown())


@contextmanager
def reported(folder: Path | None, facts: Mapping[str, Any]) -> Iterator[Reporter]:
    """Report a load from here to its end, however it ends.

    Raises:
        Refusal: as ``Reporter.begin``.
    """
    reporter = Reporter(folder, facts)
    reporter.begin()
    try:
        yield reporter
    except Refusal as refusal:
        reporter.end(FAILED, str(refusal))
        raise
    except BaseException as error:
        reporter.end(FAILED, f"{type(error).__name__}: {error}")
        raise
    reporter.end(FINISHED)


def _refuse_twice(path: Path) -> None:
    with suppress(OSError, ValueError):
        there = read_progress(path.read_text(encoding="utf-8"))
        if there.process != os.getpid() and process_runs(there) and there.state == RUNNING:
            raise Refusal(
                f"run {there.run} loads already, as process {there.process} of this host: wait until it ends"
            )


def _report(path: Path, meter: Meter, parent: int) -> NoReturn:
    """Write the file until the load has ended; it leaves by ``_exit``, so nothing is flushed twice."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)  # who waits for the end of the load's output must not wait for this
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        alive = True
        while alive:
            time.sleep(_BEAT_S)
            alive = os.getppid() == parent
            with suppress(OSError, ValueError):
                value = meter.shown()
                if not alive:
                    value["state"] = DIED
                    value["message"] = f"process {parent} of the load was killed"
                _write(path, value)
    finally:
        os._exit(0)


def _write(path: Path, shown: Mapping[str, Any]) -> None:
    """Replace the file as a whole. It is not synced: a machine that lost power has no load either."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(json.dumps(_state(shown)) + "\n")
    staged.replace(path)


def _state(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the file has: times of the meter as seconds, and the tables' sums."""
    now = time.monotonic()
    tables = [_table(table, now) for table in shown["tables"]]
    begins = [table["began"] for table in shown["tables"] if table["began"]]
    filled = [table["filled"] for table in shown["tables"]]
    last = max(filled) if filled and all(filled) else now
    known = all(table["total"] for table in tables)
    return {
        **{key: value for key, value in shown.items() if key != "began"},
        "heartbeat": _now(),
        "seconds": round(now - shown["began"], 3),
        "tables": tables,
        "rows": sum(table["rows"] for table in tables),
        "bytes": sum(table["bytes"] for table in tables),
        "total": sum(table["total"] for table in tables) if known else 0,
        "fill_seconds": round(last - min(begins), 3) if begins else 0,
    }


def _table(table: Mapping[str, Any], now: float) -> dict[str, Any]:
    began = table["began"] or now
    return {
        **{key: table[key] for key in ("table", "state", "rows", "bytes", "total")},
        "seconds": round((table["ended"] or now) - began, 3),
        "fill_seconds": round((table["filled"] or now) - began, 3),
    }


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
