"""The deadline inside a window: until the rename of ``prod`` a switch that gets too long goes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Refusal
from .parts import BETWEEN, CHECKPOINT, ORDER, STOP_SERVERS


@dataclass(frozen=True)
class Deadline:
    """What a window may take.

    It is asked between two steps, by the process that does them. After the rename nobody may ask: from there
    on the way forward is the shortest.
    """

    budget: float  # seconds; 0: there is none
    parts: Mapping[str, float]  # predicted seconds by part, as ``Forecast.parts`` has them
    began: float  # when the first service was told to stop, by the clock that ``now`` is of

    def left(self, before: str) -> float:
        """Return the predicted seconds of a part of ``parts.ORDER``, and of all that come after it.

        Raises:
            ValueError: there is no such part.
        """
        if before not in ORDER:
            raise ValueError(f"{before} is no part of a window that a deadline is asked before")
        comes = ORDER[ORDER.index(before) :]
        ahead = sum(self.parts.get(name, 0.0) for name in comes)
        if STOP_SERVERS in comes:
            ahead += self.parts.get(CHECKPOINT, 0.0)
        known = [name for name in ORDER if name in self.parts]
        share = sum(name in comes for name in known) / len(known) if known else 1.0
        return ahead + self.parts.get(BETWEEN, 0.0) * share

    def refuse_late(self, before: str, now: float) -> None:
        """Refuse to go on where the portal would be away for longer than the budget; before the rename only.

        Args:
            before: the part that would begin now, a name of ``parts.ORDER``.
            now: the time, by the clock of ``began``.

        Raises:
            Refusal: too late; whoever catches it brings the old production back.
        """
        gone, ahead = now - self.began, self.left(before)
        if not self.budget or gone + ahead <= self.budget:
            return
        raise Refusal(
            f"the portal is away for {gone:.1f} s and would be for {ahead:.1f} s more, and "
            f"reingest_outage_budget allows {self.budget:g} s: the switch goes back to the old production: "
            "prod is not renamed yet; "
            "look at the steps' times in the report, then run again, raise the budget, or run with "
            "-e reingest_accept=outage, which sets no deadline"
        )


def deadline_from(raw: Mapping[str, Any], began: float) -> Deadline:
    """Return the deadline of a window, of ``deadline`` in the answer of module ``outage_watch``.

    Args:
        raw: ``budget`` and ``parts``; empty: there is no deadline.
        began: when the first service was told to stop, by any clock of this host.
    """
    parts = {name: float(seconds) for name, seconds in dict(raw.get("parts") or {}).items()}
    return Deadline(float(raw.get("budget") or 0.0), parts, began)
