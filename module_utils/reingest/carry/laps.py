"""How long each step of the carrying takes, in seconds: for the report, and for the benchmark."""

from __future__ import annotations

import time
from collections.abc import Mapping


class Laps:
    """A clock; each step says when it ends."""

    def __init__(self) -> None:
        self._taken: dict[str, float] = {}
        self._last = time.monotonic()

    def end(self, step: str) -> None:
        """Write down what the step that ends here took."""
        now = time.monotonic()
        self._taken[step] = self._taken.get(step, 0.0) + now - self._last
        self._last = now

    @property
    def seconds(self) -> Mapping[str, float]:
        """Return seconds by step."""
        return {step: round(taken, 3) for step, taken in self._taken.items()}
