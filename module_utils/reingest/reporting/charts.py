"""The pictures of a run's page: when each step of each host worked, the window, and runs beside each other.

Places and widths are percentages, heights and texts are pixels: on a phone a picture gets narrow, not small.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .markup import Markup, join, tag

_KINDS: Mapping[str, str] = {
    **{name: name for name in ("preflight", "load", "verify", "switch", "undo")},
    **dict.fromkeys(("settle", "soak", "prune", "pin", "report"), "after"),
}
_ROW, _BAR, _LINE, _AXIS = 22, 16, 18, 20  # pixels
_THIN = 0.25  # percent: what took less can still be seen
_MOST_STEPS, _MOST_HOSTS, _MOST_ROWS = 400, 20, 40
_CLOSE = 4  # steps of a host that work at one time have a row each, at most so many
_LABELLED = 7  # percent: a narrower stage has no room for its name
_TICKS = 5
NOT_KNOWN = "-"
_LONGEST_S = 1e9
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)


@dataclass(frozen=True)
class Span:
    """A time of the run, in seconds since 1970."""

    began: float
    ended: float

    def at(self, moment: float) -> float:
        """Return where a moment is, in percent."""
        return min(100.0, max(0.0, 100 * (moment - self.began) / max(self.ended - self.began, 0.001)))


def moment(at: object) -> float | None:
    """Return an ISO 8601 time in seconds since 1970; None where it is none."""
    try:
        found = datetime.fromisoformat(str(at))
        return found.astimezone(timezone.utc).timestamp() if found.tzinfo is not None else None
    except (ValueError, OverflowError, OSError):
        return None


def span_of(part: Mapping[str, Any]) -> Span | None:
    """Return when a step, a stage or a gap was; None where it does not tell."""
    began, seconds = moment(part.get("started", part.get("began"))), part.get("seconds")
    if began is None or type(seconds) not in (int, float) or not 0 <= seconds < _LONGEST_S:  # type: ignore[operator]
        return None
    return Span(began, began + float(seconds))  # type: ignore[arg-type]


def kind_of(stage: object) -> str:
    """Return which colour a stage has."""
    return _KINDS.get(str(stage), "preflight")


def timeline(
    whole: Span, stages: Sequence[Mapping[str, Any]], steps: Sequence[Mapping[str, Any]], told: str
) -> Markup:
    """Return the run: its stages, and below them each host's steps; ``told`` is the same in words."""
    drawn, top = [tag("text", "stages", x="0", y="12", class_="dim")], _LINE
    for stage in stages[:_MOST_ROWS]:
        span = span_of(stage)
        if span is not None:
            drawn.append(_named(whole, span, top, str(stage.get("name"))))
    top += _ROW
    for host, found in _by_host(steps):
        drawn.append(tag("text", f"steps on {host}", x="0", y=top + 13, class_="dim"))
        top += _LINE
        ends = [-math.inf] * _CLOSE
        used = 1
        for span, step in found:
            row = next((at for at, end in enumerate(ends) if end <= span.began + 0.01), _CLOSE - 1)
            ends[row] = max(ends[row], span.ended)
            used = max(used, row + 1)
            drawn.append(_step(whole, span, top + row * _ROW, step))
        top += used * _ROW
    return _picture("Timeline of the run", told, top + _AXIS, join(_axis(whole, top), *drawn))


def window(whole: Span, steps: Sequence[Mapping[str, Any]], outage: Mapping[str, Any], told: str) -> Markup:
    """Return the window: a row for each step in it, behind them the times in which users had no answer."""
    found = [(span, step) for step in steps for span in [span_of(step)] if span is not None]
    found = [(span, step) for span, step in found if span.ended >= whole.began and span.began <= whole.ended]
    found = sorted(found, key=lambda one: one[0].began)[:_MOST_ROWS]
    height = _LINE + len(found) * (_LINE + _ROW)
    drawn = []
    gaps = outage.get("gaps")
    for gap in gaps[:_MOST_ROWS] if isinstance(gaps, list) else ():
        span = span_of(gap) if isinstance(gap, Mapping) else None
        if span is not None and span.ended > whole.began and span.began < whole.ended:
            place, width = _place(whole, span)
            drawn.append(tag("rect", x=place, y=0, width=width, height=height, class_="away"))
            label = f"no good answer for {span.ended - span.began:.2f} s"
            drawn.append(_beside(whole, span, 12, label))
    drawn.append(_axis(whole, height))
    first = moment(outage.get("first_new"))
    if first is not None and whole.began <= first <= whole.ended:
        at = f"{whole.at(first):.2f}%"
        drawn.append(tag("line", x1=at, x2=at, y1=0, y2=height, class_="new"))
    several = len({str(step.get("host")) for _, step in found}) > 1
    for row, (span, step) in enumerate(found):
        where = f"{step.get('host')}: " if several else ""
        top = _LINE + row * (_LINE + _ROW)
        drawn.append(_beside(whole, span, top + 13, f"{span.ended - span.began:.2f} s {where}{_did(step)}"))
        drawn.append(_step(whole, span, top + _LINE, step))
    return _picture("The window", told, height + _AXIS, join(*drawn))


def bars(name: str, values: Sequence[float | None], told: str) -> Markup:
    """Return a bar for each run, the last one of which is the report's own; None has no bar."""
    highest = max((one for one in values if one is not None), default=0.0) or 1.0
    width = 100 / max(len(values), 1)
    drawn = [tag("rect", x=0, y=59, width="100%", height=1, class_="bar")]
    for at, one in enumerate(values):
        if one is not None:
            height = max(2.0, 58 * one / highest)
            kind = "now" if at == len(values) - 1 else "bar"
            place, wide = f"{at * width + 0.1 * width:.2f}%", f"{0.8 * min(width, 25):.2f}%"
            drawn.append(
                tag("rect", x=place, y=f"{59 - height:.1f}", width=wide, height=f"{height:.1f}", class_=kind)
            )
    return _picture(name, told, 60, join(*drawn))


def _picture(name: str, told: str, height: int, drawn: Markup) -> Markup:
    return tag(
        "svg",
        tag("title", name),
        tag("desc", told),
        drawn,
        class_="pic",
        role="img",
        aria_label=f"{name}. {told}",
        height=height,
    )


def _by_host(
    steps: Iterable[Mapping[str, Any]],
) -> list[tuple[str, list[tuple[Span, Mapping[str, Any]]]]]:
    """Return each host's steps in the order of their start; of very many only the longest ones."""
    found = [(span, step) for step in steps for span in [span_of(step)] if span is not None]
    found.sort(key=lambda one: one[0].began - one[0].ended)
    hosts: dict[str, list[tuple[Span, Mapping[str, Any]]]] = {}
    for span, step in sorted(found[:_MOST_STEPS], key=lambda one: one[0].began):
        hosts.setdefault(str(step.get("host") or "the host"), []).append((span, step))
    return list(hosts.items())[:_MOST_HOSTS]


def _place(whole: Span, span: Span) -> tuple[str, str]:
    began, ended = whole.at(span.began), whole.at(span.ended)
    width = max(ended - began, _THIN)
    return f"{min(began, 100 - width):.2f}%", f"{width:.2f}%"


def _named(whole: Span, span: Span, top: int, name: str) -> Markup:
    """Return a stage with its name in it, cut where the bar ends."""
    place, width = _place(whole, span)
    bar = tag("rect", width="100%", height=_BAR, class_=kind_of(name))
    wide = whole.at(span.ended) - whole.at(span.began) >= _LABELLED
    label = tag("text", name, x=4, y=12, class_="in") if wide else None
    title = tag("title", f"{name}: {span.ended - span.began:.1f} s")
    return tag("svg", title, bar, label, x=place, y=top, width=width, height=_BAR)


def _step(whole: Span, span: Span, top: int, step: Mapping[str, Any]) -> Markup:
    place, width = _place(whole, span)
    kind = f"{kind_of(step.get('stage'))}{' broke' if step.get('failure') else ''}"
    title = tag("title", f"{step.get('host') or ''}: {_did(step)}: {span.ended - span.began:.2f} s")
    return tag("g", title, tag("rect", x=place, y=top, width=width, height=_BAR, class_=kind))


def _did(step: Mapping[str, Any]) -> str:
    did = step.get("did")
    if not isinstance(did, Sequence) or isinstance(did, str) or not did:
        return f"{step.get('stage')}: looks"
    return f"{did[0]}{f', and {len(did) - 1} more' if len(did) > 1 else ''}"


def _beside(whole: Span, span: Span, top: int, label: str) -> Markup:
    """Return a text that begins with a span, or ends with it where there is more room before it."""
    began, ended = whole.at(span.began), whole.at(span.ended)
    if began <= 100 - ended:
        return tag("text", label, x=f"{began:.2f}%", y=top)
    return tag("text", label, x=f"{ended:.2f}%", y=top, text_anchor="end")


def _axis(whole: Span, height: int) -> Markup:
    """Return lines at whole times since the beginning, each with its time below."""
    length = whole.ended - whole.began
    step = next((one for one in _STEPS if one * _TICKS >= length), length / _TICKS)
    drawn: list[Markup] = []
    for at in range(int(length / step) + 1) if step else ():
        place = f"{100 * at * step / max(length, 0.001):.2f}%"
        drawn.append(tag("line", x1=place, x2=place, y1=0, y2=height))
        anchor = "end" if at * step > 0.93 * length and at else None
        drawn.append(
            tag("text", _clock(at * step, step), x=place, y=height + 14, class_="dim", text_anchor=anchor)
        )
    return join(*drawn)


def _clock(seconds: float, step: float) -> str:
    if step >= 3600:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if step >= 60 else f"{seconds:.{0 if step >= 1 else 1}f} s"


def lasted(seconds: object) -> str:
    """Return a duration as a person says it; a dash where it is none."""
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < _LONGEST_S:
        return NOT_KNOWN
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def hour(at: object) -> str:
    """Return a time of the report as a person reads it, in UTC; the text as it is where it is none."""
    found = moment(at)
    if found is None:
        return str(at)
    return datetime.fromtimestamp(found, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
