"""The interruption of a run: never while its window is open."""

from __future__ import annotations

import signal
from pathlib import Path

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.host.processes import send

from .folder import events, read


def refuse_in_window(folder: Path) -> None:
    """Refuse to cancel a run that is inside its switch. Call it with the folder ``held``.

    Raises:
        Refusal: it is.
    """
    told = events(folder)
    if not told:
        raise Refusal("the run has not told yet where it is, so it is not interrupted: try again in a moment")
    last = next((one for one in reversed(told) if one["event"] == "stage"), None)
    if last is not None and last.get("window"):
        raise Refusal(
            f"the run is inside its switch since {last.get('at')}: it is not cancelled there, as production "
            "is between two servers; it ends by itself, and rollback is the way back"
        )


def interrupt(folder: Path) -> bool:
    """Send SIGINT to ansible-playbook, as Ctrl-C does; return whether it is there."""
    found = read(folder / "playbook.json") or {}
    pid, started = found.get("pid"), found.get("started")
    return isinstance(pid, int) and isinstance(started, str) and send(pid, started, signal.SIGINT)
