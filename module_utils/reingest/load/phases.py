"""The parts of a load: timed, and told to whoever follows it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .reporter import Reporter


@dataclass
class Phases:
    """How long each part of the load took, in seconds; ``reporter`` gets which one it is in."""

    seconds: dict[str, float] = field(default_factory=dict)
    reporter: Reporter | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time one part."""
        if self.reporter:
            self.reporter.enter(name)
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 3)
