"""What a prober saw of a portal, summed up while it looks: it may look for hours, and keeps gaps alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from ..fs.record_values import MaybeTime, Time, record_from
from .answer import Answer

SLOW_S = 1.0  # from here on a time without an answer is a gap although no request failed
_MOST_GAPS = 100


@dataclass(frozen=True)
class Gap:
    """A time in which users had no good answer."""

    began: Time  # when the last good answer was complete; UTC, ISO 8601
    seconds: float
    failed: int  # requests in it that failed
    ended: bool = True  # whether a good answer came after it


@dataclass(frozen=True)
class Seen:
    """The sum of all requests."""

    probes: int
    failed: int
    outage_s: float  # the longest time between the ends of two good answers; without an end, until now
    worst_ms: float  # the slowest good answer
    gaps: tuple[Gap, ...] = ()  # oldest first
    more_gaps: int = 0  # which are too many to be listed
    release: str = ""  # that the first good answer named; empty: none
    new_release: str = ""  # the first other one that was named
    first_new: MaybeTime = ""  # when that answer was complete
    last_why: str = ""  # why the last request that failed did

    def as_values(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)


def seen_from(raw: Mapping[str, Any]) -> Seen:
    """Return what was seen, of plain values.

    Raises:
        ValueError: they are none.
    """
    return record_from(Seen, {**raw, "gaps": raw.get("gaps") or ()})


class Observer:
    """Takes one request after the other, and says what they come to."""

    def __init__(self, epoch: float) -> None:
        """``epoch`` is the time of day at which the clock of the requests was zero."""
        self._epoch = epoch
        self._probes = self._failed = self._more = 0
        self._longest = self._worst = 0.0
        self._last_good: float | None = None
        self._failed_since = 0
        self._now = 0.0
        self._gaps: list[Gap] = []
        self._release = self._new = self._first_new = self._why = ""

    def take(self, began: float, ended: float, answer: Answer) -> None:
        """Take a request, with when it began and when its answer was complete or given up."""
        self._probes += 1
        self._now = ended
        if not answer.good:
            self._failed += 1
            self._failed_since += 1
            self._why = answer.why
            return
        self._worst = max(self._worst, ended - began)
        if self._last_good is not None:
            length = ended - self._last_good
            self._longest = max(self._longest, length)
            if self._failed_since or length >= SLOW_S:
                self._note(self._gap(length, ended=True))
        self._last_good, self._failed_since = ended, 0
        self._name(answer.release, ended)

    def seen(self) -> Seen:
        """Return the sum until now; a gap that is open counts as it is."""
        gaps, longest = tuple(self._gaps), self._longest
        if self._failed_since and self._last_good is not None:
            gap = self._gap(self._now - self._last_good, ended=False)
            gaps, longest = (*gaps, gap), max(longest, gap.seconds)
        return Seen(
            probes=self._probes,
            failed=self._failed,
            outage_s=round(longest, 3),
            worst_ms=round(1000 * self._worst, 1),
            gaps=gaps,
            more_gaps=self._more,
            release=self._release,
            new_release=self._new,
            first_new=self._first_new,
            last_why=self._why,
        )

    def _gap(self, length: float, *, ended: bool) -> Gap:
        began = self._time(self._last_good or 0.0)
        return Gap(began, round(length, 3), self._failed_since, ended)

    def _note(self, gap: Gap) -> None:
        """Keep a gap; of too many the longest ones."""
        self._gaps.append(gap)
        if len(self._gaps) > _MOST_GAPS:
            self._gaps.remove(min(self._gaps, key=lambda one: one.seconds))
            self._more += 1

    def _name(self, release: str, at: float) -> None:
        if not release:
            return
        self._release = self._release or release
        if release != self._release and not self._new:
            self._new, self._first_new = release, self._time(at)

    def _time(self, at: float) -> str:
        moment = datetime.fromtimestamp(self._epoch + at, timezone.utc)
        return moment.isoformat(timespec="milliseconds")
