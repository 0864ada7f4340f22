"""How long the portal will be away, foretold from earlier switches, and whether that fits the budget."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..disclosure.command_line import accepting
from ..errors import Refusal
from .parts import BETWEEN, CARRY, CHECKPOINT, ORDER, STOP_SERVERS

OUTAGE = "outage"  # the name by which an operator accepts a switch that does not fit its budget
_RUNS = 5  # earlier switches that count
# Without an earlier switch that carried rows: measured by `make bench-carry`, less than half of its speed.
_CARRY_S, _BYTES_A_SECOND = 0.3, 10e6
_WORDS = {
    "stop_writers": "stop the writers",
    CARRY: "carry users' rows",
    "stop_servers": "stop the servers",
    CHECKPOINT: "their last checkpoint",
    "promote": "promote",
    "start_production": "start production",
    "open_rows": "open the database",
    "start_writers": "start the writers",
    BETWEEN: "between the steps",
}


@dataclass(frozen=True)
class Now:
    """What is known of the switch that is to come."""

    user_bytes: int  # of users' rows that are carried; 0: none are
    checkpoint: float | None = (
        None  # seconds of a checkpoint made just after another one; None: none was made
    )


@dataclass(frozen=True)
class Past:
    """What an earlier switch took."""

    parts: Mapping[str, float]
    outage: float | None = None  # as the prober saw it; None: it was not measured
    user_bytes: int = 0
    checkpoint: float = 0.0

    @property
    def seconds(self) -> float:
        """Return how long the portal was away, as well as that is known."""
        return sum(self.parts.values()) if self.outage is None else self.outage


@dataclass(frozen=True)
class Forecast:
    """Seconds by part, in the order of the window."""

    parts: Mapping[str, float]
    runs: int  # how many earlier switches tell it
    least: float | None = None  # the shortest of them
    user_bytes: int = 0
    checkpoint: float = 0.0
    unknown: tuple[str, ...] = field(default=())

    @property
    def seconds(self) -> float:
        """Return the sum."""
        return round(sum(self.parts.values()), 3)

    def told(self) -> str:
        """Return the sum and its parts, as one sentence."""
        parts = ", ".join(f"{_WORDS.get(name, name)} {seconds:.1f}" for name, seconds in self.parts.items())
        if not self.runs:
            known = f" ({parts})" if parts else ""
            return f"not known, no earlier switch was measured on this volume{known}"
        switches = "the last switch" if self.runs == 1 else f"the last {self.runs} switches"
        return f"{self.seconds:.1f} s ({parts}; by {switches})"

    def as_values(self) -> dict[str, Any]:
        """Return it as plain values, for the run's step and its window."""
        return {
            "seconds": self.seconds,
            "parts": dict(self.parts),
            "runs": self.runs,
            "user_bytes": self.user_bytes,
            "checkpoint_s": self.checkpoint,
            "told": self.told(),
        }


def forecast(past: Sequence[Past], now: Now) -> Forecast:
    """Return how long the portal will be away.

    Of each part the median of the last switches counts. More users' rows than then take longer in proportion;
    the checkpoint of the servers' stop is the one that was measured now. What the prober saw beyond the parts
    (or less) belongs to what is between them.

    Args:
        past: earlier switches of this volume, oldest first.
        now: what is known of this one.
    """
    last = past[-_RUNS:]
    checkpoint = 0.0 if now.checkpoint is None else now.checkpoint
    if not last:
        parts = {CARRY: _CARRY_S + now.user_bytes / _BYTES_A_SECOND} if now.user_bytes else {}
        if now.checkpoint is not None:
            parts[CHECKPOINT] = checkpoint
        return Forecast(_rounded(parts), 0, None, now.user_bytes, round(checkpoint, 3))
    parts = {name: _median(one.parts.get(name, 0.0) for one in last) for name in ORDER}
    parts[CARRY] = _carry(last, now.user_bytes)
    before = _median(one.checkpoint for one in last)
    if now.checkpoint is None:
        checkpoint = before
    parts[STOP_SERVERS] = max(0.0, parts[STOP_SERVERS] - before)
    parts[CHECKPOINT] = checkpoint
    # The prober saw what users did: more than the steps, or less, as a writer answers before its step ends.
    parts[BETWEEN] = _median(one.seconds - sum(_without(one.parts, BETWEEN)) for one in last)
    if parts[BETWEEN] < 0:
        parts = {**parts, "start_writers": max(0.0, parts["start_writers"] + parts[BETWEEN]), BETWEEN: 0.0}
    order = [STOP_SERVERS, CHECKPOINT]
    names = [each for name in ORDER for each in (order if name == STOP_SERVERS else [name])] + [BETWEEN]
    least = min(one.seconds for one in last)
    told = {name: parts[name] for name in names if parts[name] >= 0.0005}
    return Forecast(_rounded(told), len(last), round(least, 3), now.user_bytes, round(checkpoint, 3))


def refuse_over(found: Forecast, budget: float, accepted: Collection[str]) -> str:
    """Return what was accepted, as a warning; empty where the switch fits its budget, or has none.

    Raises:
        Refusal: it does not fit, and nobody accepted that.
    """
    if not budget or found.seconds <= budget:
        return ""
    text = f"the portal would be away for {found.told()}, reingest_outage_budget allows {budget:g} s"
    if found.least is not None and found.least > budget:
        text += f", and no switch of this volume was shorter than {found.least:.1f} s"
    if OUTAGE in accepted:
        return f"accepted: {OUTAGE}: {text}"
    raise Refusal(
        f"{text}; nothing was stopped: run it when that may be, raise the budget, or accept it: "
        f"{accepting([OUTAGE])}"
    )


def _carry(last: Sequence[Past], size: int) -> float:
    """Return the seconds that rows of this size take: never less than the same work took with fewer."""
    if not size:
        return 0.0
    known = [one for one in last if one.parts.get(CARRY) and one.user_bytes]
    if not known:
        return _CARRY_S + size / _BYTES_A_SECOND
    return _median(one.parts[CARRY] * max(1.0, size / one.user_bytes) for one in known)


def _without(parts: Mapping[str, float], name: str) -> Iterable[float]:
    return (seconds for key, seconds in parts.items() if key != name)


def _median(values: Iterable[float]) -> float:
    return float(statistics.median(list(values)))


def _rounded(parts: Mapping[str, float]) -> dict[str, float]:
    return {name: round(seconds, 3) for name, seconds in parts.items()}
