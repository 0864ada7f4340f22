"""What the ledger tells of a run for its report: what it switched from and to, and the runs before it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from ..volume.ledger import ADOPTED, BAD, LIVE, LOADED, MEASURED, PINNED, PRUNED, UNPINNED, Entry, Ledger

_BEGAN = re.compile(r"(\d{8}T\d{6})Z")  # a run's id begins with the time at which it was given
_LONGEST_S = 30 * 86_400  # an older beginning is another clock's
_NO_RUNS = (PINNED, UNPINNED, PRUNED, ADOPTED)


@dataclass(frozen=True)
class Past:
    """One run that loaded or switched; None is what the ledger does not tell of it."""

    run: str
    kind: str  # ingest, promote, rollback; load: it switched nothing
    release: str
    seconds: float | None  # from the time in its id to its last line
    outage_s: float | None
    rows: int | None  # that it loaded
    bytes: int | None  # of the load, in blocks
    taken_back: bool


def switch_of(ledger: Ledger, run: str, live: str) -> dict[str, Any]:
    """Return what a run switched: ``kind``, and snapshot and release each of ``from``, ``to`` and ``live``.

    Args:
        ledger: the ledger at the run's end.
        run: the run.
        live: the snapshot that is live now; empty: none.

    Returns:
        ``kind`` is empty where it switched nothing: ``to`` is then the load that it made, if it made one.
    """
    lines = [entry for entry in ledger.entries if entry.run == run]
    made = next((entry for entry in lines if entry.state == LIVE), None)
    load = next((entry for entry in lines if entry.state == LOADED), None)
    before = str(made.detail.get("previous") or "") if made else live
    after = made or load
    return {
        "kind": str(made.detail.get("kind") or "promote") if made else "",
        "from": _named(ledger, before),
        "to": _named(ledger, after.snapshot if after else ""),
        "live": _named(ledger, live),
    }


def rows_loaded(ledger: Ledger, snapshot: str) -> dict[str, int]:
    """Return the rows by table that a snapshot was loaded with; empty where the ledger has none."""
    entry = ledger.load(snapshot) if snapshot else None
    counts = _tables(entry) if entry else {}
    return {name: one["loaded"] for name, one in counts.items() if type(one.get("loaded")) is int}


def past_runs(ledger: Ledger, *, most: int) -> list[Past]:
    """Return the last runs that loaded or switched, oldest first."""
    runs: dict[str, list[Entry]] = {}
    for entry in ledger.entries:
        if entry.run and entry.state not in _NO_RUNS:
            runs.setdefault(entry.run, []).append(entry)
    told = [run for run, lines in runs.items() if any(one.state in (LOADED, LIVE) for one in lines)]
    return [_past(ledger, run, runs[run]) for run in told[-most:]]


def as_values(past: Iterable[Past]) -> list[dict[str, Any]]:
    """Return them as plain values."""
    return [asdict(one) for one in past]


def _past(ledger: Ledger, run: str, lines: list[Entry]) -> Past:
    by_state = {entry.state: entry for entry in lines}
    load, live, measured = (by_state.get(state) for state in (LOADED, LIVE, MEASURED))
    about = live or load
    counts = _tables(load) if load else {}
    rows = [one["loaded"] for one in counts.values() if type(one.get("loaded")) is int]
    outage = measured.detail.get("outage_s") if measured else None
    size = load.detail.get("bytes") if load else None
    return Past(
        run=run,
        kind=str(live.detail.get("kind") or "promote") if live else "load",
        release=ledger.release(about.snapshot) if about else "",
        seconds=_seconds(run, lines[-1].at),
        outage_s=float(outage) if isinstance(outage, (int, float)) else None,
        rows=sum(rows) if rows else None,
        bytes=size if type(size) is int else None,
        taken_back=any(one.state == BAD and one.detail.get("restored") is not None for one in lines),
    )


def _tables(entry: Entry) -> Mapping[str, Mapping[str, Any]]:
    found = entry.detail.get("tables")
    if not isinstance(found, Mapping):
        return {}
    return {str(name): one for name, one in found.items() if isinstance(one, Mapping)}


def _named(ledger: Ledger, snapshot: str) -> dict[str, str]:
    return {"snapshot": snapshot, "release": ledger.release(snapshot) if snapshot else ""}


def _seconds(run: str, at: str) -> float | None:
    found = _BEGAN.match(run)
    if found is None:
        return None
    try:
        began = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)
        seconds = (datetime.fromisoformat(at) - began).total_seconds()
    except (ValueError, TypeError):
        return None
    return seconds if 0 <= seconds <= _LONGEST_S else None
