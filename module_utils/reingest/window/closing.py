"""Close a window, by whoever brought its switch to an end: its run, a recovery, or the watchdog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..volume import ledger as ledger_file
from ..volume.layout import Volume, live_snapshot
from ..volume.ledger import readable_ledger
from ..volume.lock import now_text, verb
from .launch import end_watchdog
from .window_record import Window, read_closed, read_window, refuse_closed, refusing, remove_window


def close_proven(records: Path, *, run: str, operator: str, first: Callable[[], None] = lambda: None) -> str:
    """Close the window of a switch that was proven: the ledger says that its snapshot is good.

    Args:
        records: the folder of the window's record.
        run: the run whose window it is.
        operator: who runs it.
        first: what is done while the window is still open.

    Returns:
        What is live; empty on a host without the volume.

    Raises:
        Refusal: the window is not open for this run any more.
    """
    closed = read_closed(records)
    window = read_window(records)
    if window is None and closed is not None and (closed.run, closed.by) == (run, by_run(run)):
        return closed.live  # this very step, started a second time
    refuse_closed(records, run)
    first()
    if window is None:
        return ""
    live = ""
    if window.volume:
        volume = Volume(Path(window.volume))
        with verb(volume, run, phase="ends the switch"):
            live = live_snapshot(volume)
            if live == window.snapshot and not readable_ledger(volume).proven(live):
                why = "the portal was proven to serve it"
                ledger_file.append(volume, ledger_file.GOOD, live, run=run, operator=operator, why=why)
    close_window(records, window, by=by_run(run), live=live)
    return live


def close_window(records: Path, window: Window, *, by: str, live: str) -> None:
    """Close the window: first its record goes, so that no watchdog acts on it, then the watchdog.

    Raises:
        Refusal: the file system refuses it; the watchdog, or the next run, tries again.
    """
    with refusing(records):
        remove_window(records, window, by=by, at=now_text(), live=live)
        end_watchdog(records)


def by_run(run: str) -> str:
    """Return how the record of a closed window names a run."""
    return f"run {run}"
