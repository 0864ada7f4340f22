"""The state of a volume as lines to print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..fs.sizes import shown_bytes
from .users_rows import listed_rows

_HEAD = ("snapshot", "state", "release", "size", "age", "")
_HISTORY = 5


def listing(found: Mapping[str, Any]) -> list[str]:
    """Return the lines for what ``volume_info.describe`` found."""
    lines = [_head(found), *_under_way(found)]
    if found["lost"]:
        lines.append(
            "ingest: the machine went down under a load, it is not to be trusted: load.yml starts over"
        )
    lines += _table([_HEAD, *(_row(one) for one in reversed(found["snapshots"]))])
    if not found["live"]:
        lines.append("nothing is live: run ingest.yml, or promote.yml for a load that is there")
    lines += listed_rows(found)
    lines.append(_next_load(found["space"]))
    if found["leftovers"]:
        size = found["space"]["trash_bytes"]
        held = f", {shown_bytes(size)}" if size is not None else ""
        lines.append(
            f"not deleted yet: {', '.join(found['leftovers'])} in .reingest/trash{held}: run prune.yml, "
            "which resumes"
        )
    lines += _chain(found["chain"])
    proofs = any(one["proof"] for one in found["history"])
    lines += [_event(one, proofs=proofs) for one in found["history"][-_HISTORY:]]
    return lines + [f"fault: {fault}" for fault in found["faults"]]


def _head(found: Mapping[str, Any]) -> str:
    space = found["space"]
    return (
        f"{found['volume']}: {shown_bytes(space['free_bytes'])} free of {shown_bytes(space['total_bytes'])}"
    )


def _under_way(found: Mapping[str, Any]) -> Iterator[str]:
    lock, working, window, pruning = (found[name] for name in ("lock", "working", "window", "pruning"))
    if lock:
        doing = f", {lock['phase']}" if lock["phase"] else ""
        seen = f", last seen {lock['renewed']}" if lock["renewed"] else ""
        where = f" (process {lock['process']} on {lock['controller']})" if lock["controller"] else ""
        yield f"under way: run {lock['run']} of {lock['operator']} since {lock['since']}{doing}{seen}{where}"
    if working:
        yield f"at work on the volume: process {working['pid']} of run {working['run']}"
    if window:
        yield from _window(window)
    if found["interrupted"]:
        yield f"{found['interrupted']}: run recover.yml"
    if pruning:
        yield f"run {pruning['run']} was interrupted while it deleted snapshots: run prune.yml, which resumes"


def _window(window: Mapping[str, Any]) -> Iterator[str]:
    """Tell of a switch, and who ends it where its run does not."""
    if window["fault"]:
        yield f"a switch is under way, its record cannot be read: {window['fault']}"
        return
    yield (
        f"the portal is away: run {window['run']} of {window['operator']} switches to {window['snapshot']} "
        f"since {window['since']}"
    )
    if window["failed"]:
        yield f"the switch is taken back: {window['failed']}"
    if window["rebooted"] or not window["watched"]:
        why = "the machine was started again since" if window["rebooted"] else "its watchdog is gone"
        yield f"no watchdog will recover that switch ({why}): run recover.yml"


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    notes = [
        "pinned" if one["pinned"] else "",
        "the way back" if one["way_back"] else "",
        one["why"],
        "not in the ledger: no rule deletes it before it is adopted" if one["state"] == "unknown" else "",
    ]
    size = "" if one["bytes"] is None else shown_bytes(one["bytes"])
    told = "; ".join(note for note in notes if note)
    return (one["snapshot"], one["state"], one["release"], size, shown_age(one["age_seconds"]), told)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]


def _next_load(space: Mapping[str, Any]) -> str:
    needed = space["next_load_bytes"]
    if not needed:
        return f"the next load: what it needs is not known yet ({space['next_load_how']})"
    short = "" if needed <= space["free_bytes"] else ", more than is free: older snapshots give way before it"
    return f"the next load needs {shown_bytes(needed)} free{short} ({space['next_load_how']})"


def _chain(chain: Mapping[str, Any]) -> Iterator[str]:
    """Tell the ledger's last hash, and of the breaks that were accepted; one that was not is a fault."""
    if chain["state"] == "whole":
        yield f"ledger: whole since line {chain['since']}, last hash {chain['last']}"
    if chain["accepted"]:
        told = ", ".join(f"line {one['line']} {one['why']}" for one in chain["accepted"])
        yield f"ledger: was changed by something other than reingest, and accepted by an operator: {told}"


def _event(one: Mapping[str, Any], *, proofs: bool) -> str:
    """Return a line of the ledger; where operators prove who they are, also whether this one did."""
    why = f": {one['why']}" if one["why"] else ""
    proof = f" (proven by {one['proof']})" if one["proof"] else " (unproven)" if proofs else ""
    about = f"{one['state']} {one['snapshot'] or 'the ledger'}"
    return f"{one['at']}  {about} by {one['operator']}{proof}{why}"


def shown_age(seconds: int | None) -> str:
    """Return an age as a person reads it."""
    if seconds is None:
        return ""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
