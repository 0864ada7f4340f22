"""Close a window, by whoever brought its switch to an end: its run, a recovery, or the watchdog."""

from __future__ import annotations

from pathlib import Path

from ..volume.lock import now_text
from .launch import end_watcher
from .window_record import Window, refusing, remove_window


def close_window(records: Path, window: Window, *, by: str, live: str) -> None:
    """Close the window: first its record goes, so that no watcher acts on it, then the watcher.

    Raises:
        Refusal: the file system refuses it; the watcher, or the next run, tries again.
    """
    with refusing(records):
        remove_window(records, window, by=by, at=now_text(), live=live)
        end_watcher(records)
