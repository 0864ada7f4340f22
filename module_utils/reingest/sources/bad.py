"""One record that cannot be read, in a file that can be read on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bad:
    """Why a record is unreadable, with the remedy, and its text in the source, cut where it is long."""

    reason: str
    text: str


def bad(reason: str, text: str) -> Bad:
    """Return the record with its text cut to what a person looks at."""
    return Bad(reason, text if len(text) <= _KEPT else text[:_KEPT] + "...")


_KEPT = 10_000  # characters
