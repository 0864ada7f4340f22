"""How long services took to start and to stop in earlier runs, in ``.reingest/times.json``.

It only makes waits longer and predictions better: what cannot be read is nothing, and refuses no run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Refusal
from ..fs.durable import make_own_directory, write_json
from ..fs.durable_record import own_text
from ..fs.record_values import parse_document
from .layout import Volume

STARTED, STOPPED = "started", "stopped"
_STATES = (STARTED, STOPPED)
_KEPT = 20  # times of each service, the last ones
_MOST_SERVICES = 200
_LONGEST_S = 3600.0  # nobody waits longer for a start because one took longer once


@dataclass(frozen=True)
class Times:
    """Seconds by service, those of the last run at the end."""

    started: Mapping[str, tuple[float, ...]]
    stopped: Mapping[str, tuple[float, ...]]

    @property
    def longest_start(self) -> float:
        """Return the longest start of any service; 0 where none is known."""
        return max((one for times in self.started.values() for one in times), default=0.0)


def earlier_times(volume: Volume) -> Times:
    """Return how long services took to start and to stop in earlier runs."""
    try:
        found = parse_document(own_text(volume.times))
    except (OSError, ValueError, Refusal):
        found = {}
    return Times(*(_of_services(found.get(state)) for state in _STATES))


def keep_times(volume: Volume, steps: Iterable[Mapping[str, Any]]) -> None:
    """Add what the steps of a run tell; nothing is written where they tell nothing.

    Args:
        volume: the volume.
        steps: from any host, each with its detail; ``took`` has seconds by service for each state.
    """
    before = earlier_times(volume)
    kept = {state: {name: list(times) for name, times in getattr(before, state).items()} for state in _STATES}
    told = False
    for step in steps:
        took = (step.get("detail") or {}).get("took")
        for state in _STATES:
            for name, times in _of_services(took.get(state) if isinstance(took, Mapping) else None).items():
                kept[state][name] = [*kept[state].get(name, []), *times][-_KEPT:]
                told = True
    if told:
        make_own_directory(volume.records)
        write_json(volume.times, kept)


def _of_services(raw: object) -> dict[str, tuple[float, ...]]:
    """Return seconds by service, of whatever was read: what is no time is passed over."""
    if not isinstance(raw, Mapping):
        return {}
    found = {}
    for name, times in list(raw.items())[:_MOST_SERVICES]:
        good = [one for one in (times if isinstance(times, list) else [times]) if _is_time(one)]
        if isinstance(name, str) and good:
            found[name] = tuple(min(float(one), _LONGEST_S) for one in good[-_KEPT:])
    return found


def _is_time(value: object) -> bool:
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    return good and math.isfinite(float(value)) and float(value) >= 0  # type: ignore[arg-type]
