"""Open a window: its watchdog comes before anything is stopped."""

from __future__ import annotations

from pathlib import Path

from ..errors import Refusal
from ..volume.layout import Volume
from ..volume.lock import check_run
from .launch import start_watchdog
from .lease import refresh, watched
from .window_record import Window, read_window, refusing, write_window


def open_window(records: Path, window: Window) -> None:
    """Write the window's record and start its watchdog; nothing is stopped before both are there.

    The caller holds the host's window. Opened twice by one run it is open.

    Raises:
        Refusal: another run's window is open, the run has not the volume, or no watchdog starts.
    """
    found = read_window(records)
    if found is not None and found.run != window.run:
        raise Refusal(
            f"the window of run {found.run} is open on this host since {found.since}: run recover.yml first"
        )
    if window.volume:
        check_run(Volume(Path(window.volume)), window.run)
    from .watchdog import main  # it runs by itself; here it is only packed

    with refusing(records):
        if found is None:
            write_window(records, window)
        if not watched(records):
            start_watchdog(records, window, main)
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
