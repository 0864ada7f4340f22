"""How long users were without the portal, in the report: measured, and as it was predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

_MOST_GAPS = 10


def outage_of(steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the steps of a run tell of its outage; empty where nothing asked for one.

    ``measured``, and ``unmeasured``: why not; what the prober saw, see ``outage.seen``; ``window_s`` and
    ``parts`` of the window; what was ``predicted``, and the budget.
    """
    told = [(name, step["detail"][name]) for step in steps for name in _NAMES if step["detail"].get(name)]
    if not told:
        return {}
    # Here, as only a run that switches needs them.
    from ..outage.parts import parts_of
    from ..runs.told_step import TYPED

    detail: dict[str, Any] = {}
    for name, raw in told:
        with suppress(ValueError):  # this host's own file may hold anything, too
            detail[name] = TYPED[name](raw)
    seen, predicted = detail.get("outage") or {}, detail.get("predicted") or {}
    window = parts_of(steps)
    found: dict[str, Any] = {"measured": bool(seen), "unmeasured": "", **seen}
    if not seen:
        found["unmeasured"] = detail.get("unmeasured") or "the prober left nothing, it may have been killed"
    for name in ("user_bytes", "checkpoint_s"):
        if name in predicted:
            found[name] = predicted[name]
    return {
        **found,
        "window_s": window.window,
        "parts": dict(window.parts),
        "predicted_s": predicted.get("seconds") if predicted.get("runs") else None,
        "predicted": predicted.get("told", ""),
        "budget_s": detail.get("budget") or 0,
    }


def outage_lines(outage: Mapping[str, Any], *, planned: bool) -> list[str]:
    """Return the lines of the report; the measured ones where the run was none that only plans."""
    if not outage:
        return []
    lines = [] if planned or not outage["window_s"] else [f"outage     {outage_line(outage)}"]
    if outage["predicted"]:
        lines.append(f"{'' if lines else 'outage':<10} predicted: {outage['predicted']}")
    if lines and len(outage.get("gaps") or ()) > 1 and not planned:
        gaps = outage["gaps"][:_MOST_GAPS]
        shown = ", ".join(f"{gap['seconds']:.2f} s from {gap['began']}" for gap in gaps)
        rest = len(outage["gaps"]) + outage.get("more_gaps", 0) - len(gaps)
        lines.append(f"{'':<10} gaps: {shown}{f', and {rest} more' if rest else ''}")
    return lines


def outage_line(outage: Mapping[str, Any]) -> str:
    """Return what users felt of a switch, in one line."""
    if not outage["measured"]:
        return f"not measured: {outage['unmeasured']}"
    text = f"{outage['outage_s']:.2f} s without a good answer"
    if any(not gap["ended"] for gap in outage["gaps"]):
        text += ", and none has come since"
    text += f"; {outage['failed']} of {outage['probes']} probes failed"
    text += f", slowest good one {outage['worst_ms']:.0f} ms"
    if outage["first_new"]:
        text += f"; {outage['new_release']} answered first at {outage['first_new']}"
    return f"{text}; {over_budget(outage)}" if over_budget(outage) else text


def over_budget(outage: Mapping[str, Any]) -> str:
    """Return that the outage was longer than allowed; empty where it was not, or nobody knows."""
    budget = outage.get("budget_s") or 0
    if not (outage.get("measured") and budget and outage["outage_s"] > budget):
        return ""
    return f"over the budget of {budget:g} s (reingest_outage_budget)"


_NAMES = ("outage", "unmeasured", "predicted", "budget")
