"""What the time of a window went into, as the steps of its run tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# In the order of the window. What is between two of them (Ansible's own time, say) is a part of its own.
STOP_WRITERS, CARRY, STOP_SERVERS, PROMOTE = "stop_writers", "carry_rows", "stop_servers", "promote"
START_PRODUCTION, OPEN, START_WRITERS = "start_production", "open_rows", "start_writers"
ORDER = (STOP_WRITERS, CARRY, STOP_SERVERS, PROMOTE, START_PRODUCTION, OPEN, START_WRITERS)
BEFORE_THE_RENAME = ORDER[: ORDER.index(PROMOTE) + 1]
BETWEEN, CHECKPOINT = "between", "checkpoint"  # the latter is a part of the servers' stop

_SWITCH = "switch"
_STOPS, _STARTS = ("stop ", "keep "), ("start ", "give ", "restart ")
_ROUNDED_S = 0.005  # times are written in milliseconds
_Span = tuple[float, float]


@dataclass(frozen=True)
class Parts:
    """A window's length, and of it each part, in seconds; empty where no window was."""

    window: float
    parts: Mapping[str, float]


def parts_of(steps: Iterable[Mapping[str, Any]]) -> Parts:
    """Return what a run's window went into.

    A step that did several parts says so itself, by ``detail["window"]``: the seconds of each by its name. Of
    others it is determined from what they did. Steps on several hosts at one time count once.

    Args:
        steps: the steps of all hosts, as ``runs.steps`` has them.
    """
    away = [step for step in steps if step["stage"] == _SWITCH and step["changed"]]
    away.sort(key=_began)
    if not away:
        return Parts(0.0, {})
    told = [step for step in away if isinstance(step["detail"].get("window"), Mapping)]
    spans = {} if told else _told_apart(away)
    parts = {name: _covered(found) for name, found in spans.items() if found}
    for step in told:
        for name, seconds in step["detail"]["window"].items():
            if name in ORDER and isinstance(seconds, (int, float)) and seconds >= 0:
                parts[name] = max(parts.get(name, 0.0), float(seconds))
    window = max(map(_ended, away)) - _began(away[0])
    parts[BETWEEN] = max(0.0, window - sum(parts.values()))
    return Parts(round(window, 3), {name: round(seconds, 3) for name, seconds in parts.items()})


def _told_apart(away: Sequence[Mapping[str, Any]]) -> dict[str, list[_Span]]:
    """Return when each part was worked at; writers stop first, and start last."""
    stops: list[_Span] = []
    starts: list[_Span] = []
    spans: dict[str, list[_Span]] = {name: [] for name in ORDER}
    for step in away:
        span, did = (_began(step), _ended(step)), step["did"]
        if any(one.startswith(_STOPS) for one in did):
            stops.append(span)
        elif any(one.startswith(_STARTS) for one in did):
            starts.append(span)
        elif step["detail"].get("rows") is not None:
            spans[CARRY].append(span)
        else:
            spans[OPEN if starts else PROMOTE].append(span)
    writers, servers = _in_two(stops)
    spans[STOP_WRITERS], spans[STOP_SERVERS] = (writers, servers) if servers else ([], writers)
    spans[START_PRODUCTION], spans[START_WRITERS] = _in_two(starts)
    return spans


def _in_two(spans: Sequence[_Span]) -> tuple[list[_Span], list[_Span]]:
    """Return those that begin while the first one lasts, and those that come later."""
    until = 0.0
    for number, (began, ended) in enumerate(spans):
        if number and began >= until - _ROUNDED_S:
            return list(spans[:number]), list(spans[number:])
        until = max(until, ended)
    return list(spans), []


def _covered(spans: Iterable[_Span]) -> float:
    total, until = 0.0, 0.0
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def _began(step: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(str(step["started"])).timestamp()


def _ended(step: Mapping[str, Any]) -> float:
    return _began(step) + float(step["seconds"])
