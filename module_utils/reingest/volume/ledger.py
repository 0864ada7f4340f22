"""The ledger: what was loaded, promoted, undone and pruned, by whom; JSON lines, only ever appended to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .durable import append_line
from .layout import Volume

FINALISED = "finalised"  # a load is complete and on disk; its line has the system identifier and the record
PROMOTED = "promoted"  # prod was pointed at the snapshot
UNDONE = "undone"  # a promotion was taken back; `snapshot` is the one that failed
PRUNED = "pruned"  # the snapshot's directory was deleted

ROLLBACK = "rollback"  # the kind of a promotion that leaves a snapshot because it is bad


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

    def load_of(self, system_identifier: str) -> Entry | None:
        """Return the finalised load of a cluster; the newest line counts."""
        for entry in reversed(self.entries):
            if entry.event == FINALISED and entry.detail.get("system_identifier") == system_identifier:
                return entry
        return None

    def load(self, snapshot: str) -> Entry | None:
        """Return the line of a snapshot's load."""
        return self._last(snapshot, FINALISED)

    def promotion(self, run: str) -> Entry | None:
        """Return the promotion that a run made and that was not undone by it."""
        for entry in reversed(self.entries):
            if entry.run == run and entry.event == UNDONE:
                return None
            if entry.run == run and entry.event == PROMOTED:
                return entry
        return None

    def live(self) -> str:
        """Return the snapshot that the last promotion or undo made live; empty before the first."""
        for entry in reversed(self.entries):
            if entry.event == PROMOTED:
                return entry.snapshot
            if entry.event == UNDONE:
                return str(entry.detail.get("restored", ""))
        return ""

    def undone(self, run: str, snapshot: str) -> bool:
        """Return whether a run took back its promotion of a snapshot."""
        return any(
            entry.event == UNDONE and entry.run == run and entry.snapshot == snapshot
            for entry in self.entries
        )

    def failed(self, snapshot: str) -> bool:
        """Return whether a snapshot's last promotion was undone, or a rollback left it."""
        for entry in reversed(self.entries):
            if entry.event == PROMOTED and entry.snapshot == snapshot:
                return False
            if entry.event == UNDONE and snapshot in (entry.snapshot, entry.detail.get("restored")):
                return entry.snapshot == snapshot
            left = entry.detail.get("kind") == ROLLBACK and entry.detail.get("previous") == snapshot
            if entry.event == PROMOTED and left:
                return True
        return False

    def pruned(self, snapshot: str) -> bool:
        """Return whether a snapshot's directory was deleted."""
        return self._last(snapshot, PRUNED) is not None

    def promoted(self, snapshot: str) -> bool:
        """Return whether a snapshot was ever live, for however short a time."""
        return self._last(snapshot, PROMOTED) is not None

    def served(self, snapshot: str) -> bool:
        """Return whether a snapshot was ever live and stayed so."""
        return self.promoted(snapshot) and not self.failed(snapshot)

    def _last(self, snapshot: str, event: str) -> Entry | None:
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
    volume: Volume,
    event: str,
    snapshot: str,
    *,
    run: str,
    operator: str,
    detail: Mapping[str, Any] | None = None,
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
