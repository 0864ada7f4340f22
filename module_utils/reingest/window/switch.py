"""Open and close a window: the watcher comes before anything is stopped, and goes when all is proven."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..promotion.recovery import live_snapshot
from ..volume import ledger as ledger_file
from ..volume.layout import Volume
from ..volume.lock import check_run, verb
from . import watchdog
from .closing import close_window
from .ending import end_sessions, end_steps
from .host_recovery import Host, Outcome, interrupted, is_proven, recover_host
from .launch import start_watcher
from .lease import held, refresh, watched
from .window_record import (
    DamagedWindow,
    Window,
    put_aside,
    read_closed,
    read_window,
    refuse_closed,
    refusing,
    write_window,
)


@dataclass(frozen=True)
class Found:
    """What a recovery found on its host."""

    of_run: str  # the run whose window was open; empty: none was
    ended_by: str  # who had closed the window of the run that asks; empty: nobody had


def open_window(records: Path, window: Window) -> None:
    """Write the window's record and start its watcher; nothing is stopped before both are there.

    The caller holds the host's window. Opened twice by one run it is open.

    Raises:
        Refusal: another run's window is open, the run has not the volume, or no watcher starts.
    """
    found = read_window(records)
    if found is not None and found.run != window.run:
        raise Refusal(
            f"the window of run {found.run} is open on this host since {found.since}: run recover.yml first"
        )
    if window.volume:
        check_run(Volume(Path(window.volume)), window.run)
    with refusing(records):
        if found is None:
            write_window(records, window)
        if not watched(records):
            start_watcher(records, window, watchdog.main)
        refresh(records)  # last: starting the watchdog takes the signs of an earlier window away


def refuse_open(records: Path, run: str) -> None:
    """Refuse to open a window beside another run's; for check mode.

    Raises:
        Refusal: another run's window is open.
    """
    found = read_window(records)
    if found is not None and found.run != run:
        raise Refusal(
            f"the window of run {found.run} is open on this host since {found.since}: run recover.yml first"
        )


def close_proven(records: Path, *, run: str, operator: str) -> str:
    """Close the window of a switch that was proven: the ledger says that its snapshot is good.

    Returns:
        What is live; empty on a host without the volume.

    Raises:
        Refusal: the window is not open for this run any more.
    """
    closed = read_closed(records)
    window = read_window(records)
    if window is None and closed is not None and (closed.run, closed.by) == (run, _own(run)):
        return closed.live  # this very step, started a second time
    refuse_closed(records, run)
    if window is None:
        return ""
    live = ""
    if window.volume:
        volume = Volume(Path(window.volume))
        with verb(volume, run, phase="ends the switch"):
            live = live_snapshot(volume)
            if live == window.snapshot and not is_proven(volume, live):
                why = "the portal was proven to serve it"
                ledger_file.append(volume, ledger_file.GOOD, live, run=run, operator=operator, why=why)
    close_window(records, window, by=_own(run), live=live)
    return live


def _own(run: str) -> str:
    return f"run {run}"


def recover_window(
    host: Host,
    *,
    run: str,
    operator: str,
    failed: str = "",
    serves: bool | None = None,
    start: bool = False,
    dry: bool = False,
) -> tuple[Found, Outcome]:
    """Recover a host if a switch was cut short on it, and close its window when all is well.

    Args:
        host: what the host has.
        run: the run that recovers; it has the volume.
        operator: who runs it.
        failed: why the run takes its own switch back; empty: whatever is found is brought to its end.
        serves: on a host without the volume: whether there is a production; None: nobody could tell.
        start: start what does not run also when nothing was cut short.
        dry: check mode: plan, change nothing.

    Raises:
        Refusal: another process works in the window, or ``run`` does not have the volume.
    """
    records = host.records
    window, damaged = _read(records)
    if not dry and window is not None and window.run != run:
        end_steps(records, host.volume, window.run)
        end_sessions(host.production + host.staging, window.run)
    with (
        nullcontext()
        if dry
        else held(records, run, recovers=True, patience=2 * (host.stop_timeout + host.start_timeout))
    ):
        window, damaged = _read(records)
        closed = read_closed(records)
        by = closed.by if closed is not None and closed.run == run and window is None else ""
        by = "" if by == _own(run) else by
        found = Found("" if window is None else window.run, by)
        if not (start or damaged or interrupted(window, host.volume)):
            return found, Outcome(live_snapshot(host.volume) if host.volume is not None else "")
        if not dry:
            with suppress(OSError):  # a full disk keeps nobody from starting what is stopped
                refresh(records)
        outcome = recover_host(
            host, window, run=run, operator=operator, failed=failed, serves=serves, dry=dry
        )
        if outcome.faults or dry:
            return found, outcome
        if damaged:
            put_aside(records)
        if window is not None:
            close_window(records, window, by=_own(run), live=outcome.live)
    return found, outcome


def _read(records: Path) -> tuple[Window | None, bool]:
    """Return the open window, and whether there is a record that nobody can read."""
    try:
        return read_window(records), False
    except DamagedWindow:
        return None, True
