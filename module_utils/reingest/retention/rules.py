"""The retention rules: of each snapshot, why it stays, or that it goes.

Judged by the order of the ledger's lines. Times count only for ages, and so that a clock which went wrong
never permits deleting more: a line of the future is young, and one that is dated before an earlier line
counts as written with that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..errors import Refusal
from ..volume.ledger import ADOPTED, LOADED, Ledger

_BEFORE_ALL, _TO_COME = (-1, 0), (2, 0)  # places, see ``_order``
UNKNOWN = "the ledger does not know it (adopt it, then the rules are for it, too)"


@dataclass(frozen=True)
class Rules:
    """What an operator asks for."""

    keep: int  # how many earlier snapshots stay beside the live one
    keep_days: int  # younger ones stay, whatever their number
    min_free: int = 0  # bytes that should be free
    lost: tuple[str, ...] = ()  # snapshots whose users' rows somebody accepted to lose

    def __post_init__(self) -> None:
        """Refuse rules that leave no way back."""
        if self.keep < 1:
            raise Refusal(f"reingest_keep is {self.keep}: at least 1, or there is no way back")


@dataclass(frozen=True)
class Verdict:
    """What the rules say of one snapshot."""

    snapshot: str
    why: str  # it stays; or, where it `goes`, why it does
    goes: bool = False
    yields: bool = False  # it stays, but gives way where space is short
    failed: bool = False  # it never was proven to serve


def judge(
    ledger: Ledger,
    there: Sequence[str],
    rules: Rules,
    *,
    serving: Sequence[str],
    way_back: str,
    now: datetime,
) -> list[Verdict]:
    """Return a verdict for each snapshot that is there, oldest first, as the ledger knows them.

    Args:
        ledger: the ledger.
        there: the snapshots on the volume.
        rules: the rules.
        serving: the live snapshot, or the one that this run makes live and that the ledger may not know yet;
            then what is live by the ledger, where that may be another.
        way_back: the one that a rollback would go to; empty: there is none.
        now: the time.
    """
    good = [name for name in there if _counts(ledger, name) and name not in (*serving, way_back)]
    good = [name for name in good if not ledger.pinned(name)]
    ranked = sorted(good, key=lambda name: _served(ledger, name), reverse=True)
    counted = set(ranked[: rules.keep - (1 if way_back in there else 0)])
    live = _order(ledger, serving[0]) if ledger.knows(serving[0]) else _TO_COME
    newest = _newest_good(ledger, serving[0])

    def verdict(name: str) -> Verdict:
        untouchable = {
            "live": name in serving,
            "the way back": name == way_back,
            "pinned": ledger.pinned(name),
            UNKNOWN: not ledger.knows(name) or ledger.pruned(name),
            f"younger than {rules.keep_days} days": _is_young(ledger, name, rules.keep_days, now),
        }
        why = next((why for why, holds in untouchable.items() if holds), "")
        failed = not _counts(ledger, name)
        if why:
            return Verdict(name, why, failed=failed)
        if failed and newest < _order(ledger, name):
            return Verdict(
                name, f"{_failure(ledger, name)}, and no newer one is good", yields=True, failed=True
            )
        if name not in counted and _order(ledger, name) > live:
            return Verdict(name, "newer than the live one", yields=True, failed=failed)
        if failed:
            return Verdict(name, f"{_failure(ledger, name)}, and a newer one is good", goes=True, failed=True)
        if name in counted:
            return Verdict(name, f"one of the {rules.keep} that are kept", yields=True)
        return Verdict(name, f"more than the {rules.keep} that are kept", goes=True)

    return [verdict(name) for name in sorted(there, key=lambda name: (_order(ledger, name), name))]


def last_good(ledger: Ledger, there: Sequence[str], live: str) -> str:
    """Return the snapshot that a rollback from ``live`` would go to; empty when there is none."""
    others = sorted(set(there) - {live}, key=ledger.last_live, reverse=True)
    return next((name for name in others if ledger.good(name)), "")


def loaded_at(ledger: Ledger, snapshot: str, now: datetime) -> datetime | None:
    """Return when a snapshot was loaded or adopted, as far as the ledger's clock can be trusted.

    A line cannot have been written before the ones above it: where its time says so, their latest counts,
    but for times that are still to come.
    """
    latest: datetime | None = None
    found: datetime | None = None
    for entry in ledger.entries:
        at = _time(entry.at)
        if at is not None and at <= now and (latest is None or at > latest):
            latest = at
        if entry.snapshot == snapshot and entry.state in (LOADED, ADOPTED):
            found = at if at is None or latest is None or at > now else latest
    return found


def _is_young(ledger: Ledger, snapshot: str, days: int, now: datetime) -> bool:
    if days <= 0:
        return False
    at = loaded_at(ledger, snapshot, now)
    return at is None or now - at < timedelta(days=days)


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, AttributeError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)


def _counts(ledger: Ledger, snapshot: str) -> bool:
    """Return whether one can go back to it: it was proven to serve, or was there before reingest came."""
    adopted = (entry := ledger.load(snapshot)) is not None and entry.state == ADOPTED
    return ledger.good(snapshot) or (adopted and not ledger.bad(snapshot))


def _failure(ledger: Ledger, snapshot: str) -> str:
    return "it failed" if ledger.bad(snapshot) else "it was never proven to serve"


def _served(ledger: Ledger, snapshot: str) -> tuple[int, tuple[int, int]]:
    """Return by what those are ranked that were live: the last time counts; then those that were adopted."""
    return ledger.last_live(snapshot), _order(ledger, snapshot)


def _order(ledger: Ledger, snapshot: str) -> tuple[int, int]:
    """Return the place of a snapshot among all: those that reingest found there come before its own loads."""
    numbers = [number for number, entry in enumerate(ledger.entries) if entry.snapshot == snapshot]
    made = [number for number in numbers if ledger.entries[number].state in (LOADED, ADOPTED)]
    if not numbers:
        return _BEFORE_ALL
    number = made[-1] if made else numbers[0]
    return (0 if ledger.entries[number].state == ADOPTED else 1), number


def _newest_good(ledger: Ledger, live: str) -> tuple[int, int]:
    """Return the place of the newest load that is good; the one that a run is about to make live is newer."""
    names = {entry.snapshot for entry in ledger.entries if ledger.good(entry.snapshot)}
    places = [_order(ledger, name) for name in names]
    if live and not ledger.was_live(live):
        places.append(_TO_COME)
    return max(places, default=_BEFORE_ALL)
