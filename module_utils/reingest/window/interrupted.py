"""Whether a switch was cut short on a host: asked by every run, and mostly it was not."""

from __future__ import annotations

from pathlib import Path

from ..promotion.journal import begun_in
from ..volume.layout import Volume
from .window_record import DamagedWindow, Window, read_window


def to_recover(records: Path, volume: Volume | None) -> bool:
    """Return whether there is something to recover on a host: a window, or a journal.

    Args:
        records: the host's folder with the record of its window.
        volume: its volume; None: it has none.
    """
    window, damaged = read_open(records)
    return damaged or interrupted(window, volume)


def interrupted(window: Window | None, volume: Volume | None) -> bool:
    """Return whether a switch was begun here and not ended."""
    return window is not None or (volume is not None and begun_in(volume) is not None)


def read_open(records: Path) -> tuple[Window | None, bool]:
    """Return the open window, and whether there is a record that nobody can read."""
    try:
        return read_window(records), False
    except DamagedWindow:
        return None, True
