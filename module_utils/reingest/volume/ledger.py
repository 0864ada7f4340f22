"""The ledger: what was loaded, promoted, undone and pruned, by whom; one JSON object a line, only ever appended to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Optional

from .durable import append_line
from .layout import Volume

FINALISED = "finalised"  # a load is complete and verified by its counts; its line carries the system identifier
PROMOTED = "promoted"  # prod was pointed at the snapshot
UNDONE = "undone"  # a promotion was taken back; `snapshot` is the one that failed
PRUNED = "pruned"  # the snapshot's directory was deleted


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    event: str
    snapshot: str
    at: str
    run: str
    operator: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ledger:
    """All lines, oldest first."""

    entries: tuple[Entry, ...]

    def load_of(self, system_identifier: str) -> Optional[Entry]:
        """Return the finalised load of a cluster; the newest line counts."""
        for entry in reversed(self.entries):
            if entry.event == FINALISED and entry.detail.get("system_identifier") == system_identifier:
                return entry
        return None

    def load(self, snapshot: str) -> Optional[Entry]:
        """Return the line of a snapshot's load."""
        return self._last(snapshot, FINALISED)

    def promotion(self, run: str) -> Optional[Entry]:
        """Return the promotion that a run made and that was not undone by it."""
        for entry in reversed(self.entries):
            if entry.run == run and entry.event == UNDONE:
                return None
            if entry.run == run and entry.event == PROMOTED:
                return entry
        return None

    def failed(self, snapshot: str) -> bool:
        """Return whether the last promotion of a snapshot was undone."""
        for entry in reversed(self.entries):
            if entry.snapshot == snapshot and entry.event in (PROMOTED, UNDONE):
                return entry.event == UNDONE
        return False

    def served(self, snapshot: str) -> bool:
        """Return whether a snapshot was ever live and stayed so."""
        return self._last(snapshot, PROMOTED) is not None and not self.failed(snapshot)

    def _last(self, snapshot: str, event: str) -> Optional[Entry]:
        for entry in reversed(self.entries):
            if entry.snapshot == snapshot and entry.event == event:
                return entry
        return None


def read_ledger(volume: Volume) -> Ledger:
    """Return the ledger; a last line that a crash cut short is passed over."""
    if not volume.ledger.is_file():
        return Ledger(())
    entries = []
    for line in volume.ledger.read_text(encoding="utf-8").splitlines():
        try:
            raw = json.loads(line)
        except ValueError:
            continue  # torn by a crash while it was written: what it told of is told by the journal
        entries.append(Entry(**raw))
    return Ledger(tuple(entries))


def record(
    volume: Volume, event: str, snapshot: str, *, run: str, operator: str, detail: Optional[Mapping[str, Any]] = None
) -> None:
    """Append a line, durably."""
    line = {
        "event": event,
        "snapshot": snapshot,
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "run": run,
        "operator": operator,
        "detail": dict(detail or {}),
    }
    append_line(volume.ledger, json.dumps(line, sort_keys=True))
