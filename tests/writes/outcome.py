"""What one run came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

# A snapshot whose server was killed is not promoted as it is.
UNCLEAN = ("was not shut down cleanly", "a server runs on it or was killed")


@dataclass
class Result:
    """What one run came to."""

    seed: int
    acknowledged: int = 0
    unknown: int = 0
    lost: list = field(default_factory=list)
    doubled: list = field(default_factory=list)
    wrong: list = field(default_factory=list)  # anything else that should not be
    kills: Counter = field(default_factory=Counter)
    told: list = field(default_factory=list)  # what was done, a line each
    set_aside: int = 0
    seconds: float = 0.0

    @property
    def sound(self):
        return not self.faults

    @property
    def faults(self):
        return [*self.lost, *self.doubled, *self.wrong]
