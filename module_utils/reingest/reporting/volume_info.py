"""What is on the volume: snapshots, the live one, the load in ``ingest/``, what is under way, what is wrong.

It changes nothing, and tells as much as it can: what cannot be read or makes no sense is a fault beside the
rest, also for an account that may see only a part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeVar

from ..errors import Refusal
from ..fs.sizes import free_bytes, measure, total_bytes
from ..postgres.datadir import is_data_directory, read_data_directory
from ..promotion.journal import read_intent
from ..retention.forecast import Forecast, forecast
from ..retention.leaving import leftovers, read_leaving
from ..retention.rules import last_good, loaded_at
from ..volume.chain import broken, chain_of, read_chain
from ..volume.layout import Volume
from ..volume.ledger import ADOPTED, Entry, Ledger, survey_ledger
from ..volume.lock import Claim, holder, worker
from ..volume.unsynced import is_lost
from ..window.describe import describe_window
from .users_rows import describe_copies, describe_fences, describe_views

_T = TypeVar("_T")
_HISTORY = 20


@dataclass
class _Survey:
    """What was asked of the volume, and what it could not answer."""

    faults: list[str] = field(default_factory=list)

    def ask(self, question: Callable[[], _T], otherwise: _T) -> _T:
        """Return the answer; where there is none, the fault is taken down once."""
        try:
            return question()
        except Refusal as refusal:
            fault = str(refusal)
        except OSError as error:
            fault = f"{error.filename or 'the volume'} cannot be read ({error.strerror}): run as root"
        if fault not in self.faults:
            self.faults.append(fault)
        return otherwise


def describe(volume: Volume, *, sizes: bool = False, now: datetime | None = None) -> dict[str, Any]:
    """Return the state of the volume as plain values; what is broken is listed under ``faults``.

    Args:
        volume: the volume.
        sizes: whether to measure snapshots; else they have the sizes that their loads were written down with.
        now: the time, for ages.
    """
    survey, now = _Survey(), now or datetime.now(timezone.utc)
    ledger, damage = survey_ledger(volume)
    survey.faults += damage
    chain = survey.ask(lambda: read_chain(volume), chain_of(b""))
    live = survey.ask(volume.live, None) or ""
    there = survey.ask(volume.snapshots, list[str]())
    way_back = last_good(ledger, there, live) if live else ""
    lost = survey.ask(lambda: is_lost(volume), False)
    loaded = "" if lost else survey.ask(lambda: _loaded(volume, ledger), "")
    names = [*there, loaded] if loaded and loaded not in there else there
    began = survey.ask(lambda: read_intent(volume), None)
    told = survey.ask(lambda: forecast(volume, ledger, live), Forecast(0, 0, 0, "it cannot be told"))
    trash = survey.ask(lambda: list(leftovers(volume)), list[str]())

    changed = broken(volume, chain)

    def one(name: str) -> dict[str, Any]:
        size = survey.ask(lambda: _size(volume, ledger, name, loaded=loaded, measured=sizes), None)
        found = _snapshot(ledger, name, now)
        state = "live" if name == live else found["state"]
        return {**found, "state": state, "way_back": name == way_back, "bytes": size}

    return {
        "volume": str(volume.root),
        "live": live,
        "previous": way_back,
        "loaded": loaded,
        "lost": lost,
        "snapshots": [one(name) for name in names],
        "free_bytes": free_bytes(volume.root),
        "space": {
            "free_bytes": free_bytes(volume.root),
            "total_bytes": total_bytes(volume.root),
            "next_load_bytes": told.need,
            "next_load_how": told.how,
            "trash_bytes": survey.ask(
                lambda: sum(measure(volume.trash / name).bytes for name in trash), None
            ),
        },
        "lock": _claim(survey.ask(lambda: holder(volume), None)),
        "working": survey.ask(lambda: _working(volume), None),
        "promotion": None if began is None else asdict(began),
        "pruning": survey.ask(lambda: _pruning(volume), None),
        "window": survey.ask(lambda: describe_window(volume.root), None),
        "fences": survey.ask(lambda: describe_fences(volume, there), list[dict[str, Any]]()),
        "views": survey.ask(lambda: describe_views(volume), list[dict[str, Any]]()),
        "copies": survey.ask(lambda: describe_copies(volume), list[dict[str, Any]]()),
        "leftovers": trash,
        "history": [asdict(entry) for entry in ledger.entries[-_HISTORY:]],
        "interrupted": ""
        if began is None
        else f"run {began.run} was interrupted while it promoted {began.snapshot}",
        "chain": {**chain.as_values(), "fault": changed},
        "faults": [*survey.faults, changed] if changed else survey.faults,
    }


def _loaded(volume: Volume, ledger: Ledger) -> str:
    """Return the finished load in ``ingest/``; empty when there is none."""
    if not is_data_directory(volume.ingest):
        return ""
    entry = ledger.load_of(read_data_directory(volume.ingest).system_identifier)
    return "" if entry is None else entry.snapshot


def _snapshot(ledger: Ledger, name: str, now: datetime) -> dict[str, Any]:
    entry, at = ledger.load(name), loaded_at(ledger, name, now)
    return {
        "snapshot": name,
        "state": _state(ledger, name, entry),
        "release": ledger.release(name),
        "loaded_at": "" if at is None else at.isoformat(timespec="seconds"),
        "age_seconds": None if at is None else max(0, int((now - at).total_seconds())),
        "pinned": ledger.pinned(name),
        "why": ledger.why_bad(name),
    }


def _state(ledger: Ledger, name: str, entry: Entry | None) -> str:
    if not ledger.knows(name) or ledger.pruned(name):
        return "unknown"
    if ledger.bad(name):
        return "bad"
    if ledger.good(name):
        return "good"
    if entry is not None and entry.state == ADOPTED:
        return "adopted"
    return "unproven" if ledger.was_live(name) else "loaded"


def _size(volume: Volume, ledger: Ledger, name: str, *, loaded: str, measured: bool) -> int | None:
    """Return the bytes that a snapshot takes; None where they were not written down, nor measured."""
    if measured:
        return measure(volume.ingest if name == loaded else volume.snapshot(name)).bytes
    entry = ledger.load(name)
    size = entry.detail.get("bytes") if entry is not None else None
    return size if isinstance(size, int) else None


def _claim(claim: Claim | None) -> dict[str, Any] | None:
    if claim is None:
        return None
    return {
        "run": claim.run,
        "operator": claim.operator,
        "proof": claim.proof,
        "phase": claim.phase,
        "since": claim.since,
        "renewed": claim.renewed,
        "controller": claim.controller.partition("/")[0],
        "process": claim.process,
    }


def _working(volume: Volume) -> dict[str, Any] | None:
    found = worker(volume)
    return None if found is None else {"pid": found.pid, "started": found.started, "run": found.run}


def _pruning(volume: Volume) -> dict[str, Any] | None:
    found = read_leaving(volume)
    return None if found is None else {"run": found.run, "snapshots": list(found.snapshots)}
