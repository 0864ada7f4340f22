"""What there is to say of a volume's open window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Refusal
from ..host.boot import boot_id
from ..volume.layout import Volume
from .lease import watched
from .window_record import read_note, read_window


def describe_window(volume_root: Path) -> dict[str, Any] | None:
    """Return what there is to say of the volume's open window; None when none is open.

    ``watched`` is whether a watchdog lives that ends it without anybody's help.
    """
    try:
        note = read_note(Volume(volume_root))
        window = None if note is None else read_window(Path(note.records))
    except Refusal as error:
        return {"run": "", "since": "", "operator": "", "snapshot": "", "failed": "", "fault": str(error)}
    if note is None or window is None or window.run != note.run:
        return None
    return {
        "run": window.run,
        "operator": window.operator,
        "snapshot": window.snapshot,
        "since": window.since,
        "failed": window.failed,
        "rebooted": window.boot != boot_id(),
        "watched": watched(Path(note.records)),
        "fault": "",
    }
