"""What a run's prober leaves in the run's folder on its host, and how it is ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..fs.durable_record import own_text
from ..fs.lock_file import worker_at
from ..fs.record_values import parse_document, record_from
from ..host.processes import send
from .seen import Seen, seen_from

FILE, LOCK = "probe.json", "probe.lock"
_PATIENCE_S = 5.0  # longer than a request usually takes; what it saw until then is on disk in any case
_POLL_S = 0.01


@dataclass(frozen=True)
class Record:
    """What lies in the run's folder, written once a second."""

    ended: str  # why it looks no more; empty: it does
    seen: Mapping[str, Any]


def end_prober(folder: Path) -> Seen | None:
    """End the run's prober, and return what it saw; None where there was none, or it can tell nothing.

    Args:
        folder: the run's folder on this host.
    """
    who = worker_at(folder / LOCK)
    if who is not None and who.pid > 1:
        with suppress(PermissionError):
            send(who.pid, who.started, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE_S
        while worker_at(folder / LOCK) is not None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    try:
        return seen_from(record_from(Record, parse_document(own_text(folder / FILE))).seen)
    except (OSError, ValueError):
        return None
