"""The ledger: what became of every snapshot, when, by whom and why; JSON lines, only ever appended to.

All decisions are made from the order of its lines: never from times (clocks go backwards), names or
modification times. Each line has the hash of the line before in its own (``chain``), so that it is seen when
one was changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from ..errors import Refusal
from ..fs.durable import append_line
from ..fs.record_values import checked, parse_document, record_from
from .chain import ACCEPTED, hash_before, ledger_lines, linked
from .layout import Volume
from .proof_record import read_proof
from .snapshot_id import MaybeSnapshotId

VERSION = 2
_READ = (1, VERSION)  # a line of version 1 has neither hash nor proof

LOADED = "loaded"  # a load is complete and on disk; its line has the system identifier and the record
ADOPTED = "adopted"  # the snapshot was on the volume before reingest was
LIVE = "live"  # prod was pointed at the snapshot; the detail has what was live before, and by which verb
GOOD = "good"  # it was proven to serve
BAD = "bad"  # it failed, or was left for being bad; `restored`, where there is one, is what is live instead
PINNED = "pinned"  # it stays until it is unpinned
UNPINNED = "unpinned"
PRUNED = "pruned"  # its directory was deleted
MEASURED = "measured"  # what users felt of a switch
SOAK = "soak"  # it serves and is watched; a later line of the kind says how that ended

ROLLBACK = "rollback"  # the kind of a promotion that leaves a snapshot because it is bad

# what is in a detail is for whoever wrote it, but these decide what is done
_DETAIL: Mapping[str, Any] = {
    **dict.fromkeys(("restored", "previous"), MaybeSnapshotId),
    **dict.fromkeys(("system_identifier", "release", "kind"), str),
    **dict.fromkeys(("bytes", "largest"), int),
    "finalise": Mapping[str, Any],
}

# ACCEPTED: an operator accepted a ledger whose chain is broken; the line is about no snapshot

STATES = (LOADED, ADOPTED, LIVE, GOOD, BAD, PINNED, UNPINNED, PRUNED, MEASURED, SOAK, ACCEPTED)


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    state: str
    snapshot: MaybeSnapshotId  # empty: the line is about the ledger itself
    at: str  # ISO 8601, UTC; shown, and for the age; never for the order
    run: str
    operator: str
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    proof: str = ""  # the fingerprint of the key that proved the operator; empty: nothing did
    chain: str = field(default="", compare=False)  # the line's hash; empty in a line of before the chain


@dataclass(frozen=True)
class Ledger:
    """All lines, oldest first."""

    entries: tuple[Entry, ...]

    def load_of(self, system_identifier: str) -> Entry | None:
        """Return the finalised load of a cluster; the newest line counts."""
        for entry in reversed(self.entries):
            if entry.state == LOADED and entry.detail.get("system_identifier") == system_identifier:
                return entry
        return None

    def load(self, snapshot: str) -> Entry | None:
        """Return the line in which a snapshot was loaded or adopted."""
        return self._last(snapshot, LOADED, ADOPTED)

    def release(self, snapshot: str) -> str:
        """Return the release of a snapshot; empty where it is not known."""
        entry = self.load(snapshot)
        return str(entry.detail.get("release", "")) if entry is not None else ""

    def knows(self, snapshot: str) -> bool:
        """Return whether a line is about the snapshot."""
        return bool(snapshot) and any(entry.snapshot == snapshot for entry in self.entries)

    def live(self) -> str:
        """Return the snapshot that is live by the ledger; empty before the first promotion."""
        for entry in reversed(self.entries):
            if entry.state == LIVE:
                return entry.snapshot
            if entry.state == BAD and "restored" in entry.detail:
                return str(entry.detail["restored"])
        return ""

    def promotion(self, run: str) -> Entry | None:
        """Return the promotion that a run made and that was not taken back."""
        for entry in reversed(self.entries):
            if entry.run == run and entry.state == BAD and "restored" in entry.detail:
                return None
            if entry.run == run and entry.state == LIVE:
                return entry
        return None

    def was_live(self, snapshot: str) -> bool:
        """Return whether a snapshot was ever live, for however short a time."""
        return self._last(snapshot, LIVE) is not None

    def last_live(self, snapshot: str) -> int:
        """Return the number of the line that made a snapshot live last; -1: it never was."""
        for number in range(len(self.entries) - 1, -1, -1):
            if self.entries[number].state == LIVE and self.entries[number].snapshot == snapshot:
                return number
        return -1

    def proven(self, snapshot: str) -> bool:
        """Return whether it was proven to serve since it was made live last: before does not count."""
        since = self.entries[self.last_live(snapshot) + 1 :]
        return any((entry.state, entry.snapshot) == (GOOD, snapshot) for entry in since)

    def good(self, snapshot: str) -> bool:
        """Return whether a snapshot was proven to serve, and not found bad since."""
        entry = self._verdict(snapshot, GOOD, BAD)
        return entry is not None and entry.state == GOOD

    def bad_line(self, snapshot: str) -> Entry | None:
        """Return the line that marks a snapshot as bad: it failed, or was left, and is not live since."""
        entry = self._verdict(snapshot, LOADED, LIVE, GOOD, BAD)
        return entry if entry is not None and entry.state == BAD else None

    def bad(self, snapshot: str) -> bool:
        """Return whether a snapshot is marked as bad."""
        return self.bad_line(snapshot) is not None

    def why_bad(self, snapshot: str) -> str:
        """Return why a snapshot is bad; empty when it is not."""
        entry = self.bad_line(snapshot)
        return entry.why if entry is not None else ""

    def rolled_back(self, digest: str) -> Entry | None:
        """Return the line by which a rollback left a load of this digest for being bad.

        What served last of that digest decides. A switch that failed says nothing of the load.
        """
        loads = {entry.snapshot for entry in self.entries if digest and entry.detail.get("digest") == digest}
        for snapshot in sorted(filter(self.was_live, loads), key=self.last_live, reverse=True):
            line = self.bad_line(snapshot)
            if line is None or "restored" not in line.detail:
                return line
        return None

    def pinned(self, snapshot: str) -> bool:
        """Return whether a snapshot is pinned."""
        entry = self._last(snapshot, PINNED, UNPINNED)
        return entry is not None and entry.state == PINNED

    def pruned(self, snapshot: str) -> bool:
        """Return whether a snapshot's directory was deleted."""
        entry = self._last(snapshot, PRUNED, LOADED, ADOPTED)
        return entry is not None and entry.state == PRUNED

    def _verdict(self, snapshot: str, *states: str) -> Entry | None:
        """Return the last line of these states; what a failed rollback left and came back to is not bad."""
        restored = False
        for entry in reversed(self.entries):
            if entry.state == BAD and entry.detail.get("restored") == snapshot:
                restored = True
            elif entry.snapshot == snapshot and entry.state in states:
                left = entry.state == BAD and "restored" not in entry.detail
                if not (left and restored):
                    return entry
            elif entry.snapshot == snapshot and entry.state == LIVE:
                restored = False  # what was found before it was promoted again still holds
        return None

    def _last(self, snapshot: str, *states: str) -> Entry | None:
        for entry in reversed(self.entries):
            if entry.snapshot == snapshot and entry.state in states:
                return entry
        return None


def read_ledger(volume: Volume) -> Ledger:
    """Return the ledger; a last line that a crash cut short is passed over, the next one replaces it.

    What was to stand there is known from the journal, which is closed only after its line is on disk.

    Raises:
        Refusal: a line before the last is damaged, or is of a later version of reingest.
    """
    ledger, faults = survey_ledger(volume)
    if faults:
        raise Refusal("; ".join(faults))
    return ledger


def readable_ledger(volume: Volume) -> Ledger:
    """Return the lines that can be read: what brings a portal back goes on whatever somebody put between."""
    return survey_ledger(volume)[0]


def survey_ledger(volume: Volume) -> tuple[Ledger, list[str]]:
    """Return the lines that can be read, and what is wrong with the others: for what looks or recovers."""
    try:
        content = ledger_lines(volume)
    except Refusal as refusal:
        return Ledger(()), [str(refusal)]
    entries, faults = [], []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        entry = _entry(line)
        if isinstance(entry, Entry):
            entries.append(entry)
        else:
            faults.append(
                f"line {number} of {volume.ledger} {entry}: take a copy of the file, then correct that line"
            )
    return Ledger(tuple(entries)), faults


def append(
    volume: Volume,
    state: str,
    snapshot: str,
    *,
    run: str,
    operator: str,
    why: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append a line, durably, that follows the one before by its hash; after a broken chain, too.

    The operator of a run that was proven is the one whose key proved it, whatever the run was told.
    """
    proof = read_proof(volume, run)
    if proof is not None:
        operator = proof.operator
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    entry = asdict(
        Entry(state, snapshot, at, run, operator, why, dict(detail or {}), proof.key if proof else "")
    )
    entry.pop("chain")
    line = json.dumps({"version": VERSION, **entry}, sort_keys=True)
    before = hash_before(ledger_lines(volume), anew=state == ACCEPTED)
    append_line(volume.ledger, linked(line, before))


def _entry(line: bytes) -> Entry | str:
    """Return a line's entry, or what is wrong with it."""
    try:
        raw = parse_document(line)
        version = raw.pop("version")
        if version not in _READ:
            return f"is of version {version}, this reingest writes {VERSION}: update reingest; or else"
        entry = record_from(Entry, raw)
        for name in _DETAIL.keys() & entry.detail.keys():
            checked(_DETAIL[name], entry.detail[name], name)
    except (ValueError, KeyError):
        return "is damaged"
    if entry.state not in STATES:
        return f"has the unknown state {entry.state!r}"
    return entry
