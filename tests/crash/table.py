"""What was tried and what held, as a table and as figures."""

from __future__ import annotations

from collections import Counter

_HEAD = ("operation", "kind", "points tried", "held")


def figures(outcomes, seconds, facts):
    """Return all of it as plain values."""
    tried: Counter = Counter()
    held: Counter = Counter()
    for outcome in outcomes:
        tried[outcome.operation, outcome.kind] += outcome.count
        held[outcome.operation, outcome.kind] += 0 if outcome.wrong else outcome.count
    return {
        **facts,
        "seconds": round(seconds),
        "tried": sum(tried.values()),
        "held": sum(held.values()),
        "table": [
            {"operation": operation, "kind": kind, "tried": count, "held": held[operation, kind]}
            for (operation, kind), count in tried.items()
        ],
        "failures": [
            {
                "operation": outcome.operation,
                "kind": outcome.kind,
                "point": outcome.point,
                "wrong": list(outcome.wrong),
            }
            for outcome in outcomes
            if outcome.wrong
        ],
        "messages": dict(Counter(_plain(outcome.message) for outcome in outcomes if outcome.message)),
    }


def shown(found):
    """Return the table, and each point that did not hold."""
    rows = [(row["operation"], row["kind"], str(row["tried"]), str(row["held"])) for row in found["table"]]
    rows.append(("all", "", str(found["tried"]), str(found["held"])))
    widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(4)]
    lines = [_line(_HEAD, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    lines += [_line(row, widths) for row in rows]
    for failure in found["failures"]:
        lines += ["", f"{failure['operation']}, {failure['kind']}, at {failure['point']}:"]
        lines += [f"    {wrong}" for wrong in failure["wrong"]]
    return "\n".join(lines)


def _line(row, widths):
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"


def _plain(message):
    """Return a message without the folder of the volume that it speaks of."""
    head, _, tail = message.partition("/volume")
    return f"{head[: head.rfind('/', 0, head.find('/') + 1)]}…{tail}" if tail and "/" in head else message
