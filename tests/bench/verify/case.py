"""What a case is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from bench.load.context import Bench, Sample

FLOOR = "floor"


@dataclass(frozen=True)
class Case:
    """One thing that is timed.

    ``to`` is the case (or the floor) that its seconds are divided by; empty where the seconds themselves are
    the figure. ``goal`` is the most that the figure may be. ``database`` has the rows afterwards, to be
    checked; empty where there are none. ``most_mb`` is what the whole program may have in memory.
    """

    name: str
    run: Callable[[Bench], Sample]
    to: str = FLOOR
    goal: float | None = None
    database: str = ""
    most_mb: int = 150
