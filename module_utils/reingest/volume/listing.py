"""The state of a volume as lines to print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .space import shown_bytes


def listing(found: Mapping[str, Any]) -> list[str]:
    """Return the lines for what ``info.describe`` found."""
    lines = [f"{found['volume']}: {shown_bytes(found['free_bytes'])} free"]
    if found["interrupted"]:
        lines.append(f"{found['interrupted']}: run recover.yml")
    if found["lock"]:
        lock = found["lock"]
        lines.append(f"under way: run {lock['run']} of {lock['operator']} since {lock['since']}")
    if found["lost"]:
        lines.append(
            "ingest: the machine went down under a load, it is not to be trusted: load.yml starts over"
        )
    rows = [("snapshot", "state", "release", "size")]
    for one in reversed(found["snapshots"]):
        size = shown_bytes(one["bytes"]) if "bytes" in one else ""
        rows.append((one["snapshot"], one["state"], one["release"], size))
    if found["loaded"]:
        rows.insert(1, (found["loaded"], "loaded", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines += ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    if len(rows) == 1:
        lines.append("nothing was promoted yet: run ingest.yml")
    lines += [
        f"{one['at']}  {one['state']} {one['snapshot']} by {one['operator']}" for one in found["history"][-5:]
    ]
    lines += [f"fault: {fault}" for fault in found["faults"]]
    return lines
