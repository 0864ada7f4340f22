"""The journal: what a promotion is about to do, on the volume before it is done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from .durable import sync_directory, write_json
from .layout import Volume
from .ledger import Ledger


@dataclass(frozen=True)
class Intent:
    """A promotion under way: from ``previous`` (empty before the first one) to ``snapshot``."""

    run: str
    operator: str
    snapshot: str
    previous: str
    origin: str  # "ingest" or "staging": where the snapshot lay when the promotion began
    system_identifier: str
    kind: str = "promote"  # what the ledger will call it


def read_intent(volume: Volume) -> Intent | None:
    """Return what was begun and not yet closed; None when nothing is open."""
    if not volume.journal.is_file():
        return None
    return Intent(**json.loads(volume.journal.read_text(encoding="utf-8")))


def interrupted(volume: Volume, ledger: Ledger) -> Intent | None:
    """Return the promotion that a crash cut short: begun, and neither in the ledger nor taken back."""
    intent = read_intent(volume)
    if intent is None or ledger.live() == intent.snapshot or ledger.undone(intent.run, intent.snapshot):
        return None
    return intent


def open_intent(volume: Volume, intent: Intent) -> None:
    """Write the intention down, durably."""
    write_json(volume.journal, asdict(intent))


def close_intent(volume: Volume) -> None:
    """Say that it is done, and in the ledger."""
    volume.journal.unlink(missing_ok=True)
    sync_directory(volume.records)
