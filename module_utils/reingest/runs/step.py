"""What one module call did, or would do: the line that the report is made of."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any


class StepClock:
    """Started when a module begins; makes the ``step`` value of its result.

    Every module returns ``step``. The ``report`` role collects these from all hosts, in the order in which
    they started, whether the modules ran for real, in check mode, or failed.
    """

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._began = datetime.now(timezone.utc)
        self._clock = time.monotonic()

    def step(
        self, did: Sequence[str], *, changed: bool, detail: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the step.

        Args:
            did: what was done, one plain sentence each, in order; the same text in check mode as in the real
                run (no counts, no durations in it), so that a plan can be compared with what was then done.
            changed: whether anything was changed.
            detail: figures for the report, such as rows by table; may be absent in check mode.

        Returns:
            ``{stage, started (UTC, ISO 8601), seconds, changed, did, detail}``
        """
        return {
            "stage": self._stage,
            "started": self._began.isoformat(timespec="milliseconds"),
            "seconds": round(time.monotonic() - self._clock, 3),
            "changed": changed,
            "did": list(did),
            "detail": dict(detail or {}),
        }
