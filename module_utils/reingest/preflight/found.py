"""What was tried before a run and is not as it must be, and what of that an operator accepts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..disclosure.command_line import accepting

PORTAL, LOGIN, HEALTH = "portal", "login", "health"  # names of findings; of the last one with `:<service>`


@dataclass(frozen=True)
class Found:
    """One thing: what, and what to do.

    ``name`` is what an operator accepts it by; empty: no run can go on with it. What has a name keeps the
    switch from being proven as things are now, and may be just what the run puts right.
    """

    text: str
    name: str = ""


def judged(
    found: Iterable[Found], accepted: Collection[str], *, switches: bool
) -> tuple[list[str], list[str]]:
    """Return what refuses the run, and what is only told, a text each.

    Args:
        found: what was found.
        accepted: the names that an operator accepted.
        switches: whether the run switches to a load, so that what has a name refuses it.
    """
    refused, told = [], []
    for one in found:
        if not one.name:
            refused.append(one.text)
        elif one.name in accepted:
            told.append(f"accepted: {one.name}: {one.text}")
        elif switches:
            refused.append(f"{one.text}, or accept it: {accepting([one.name])}")
        else:
            told.append(one.text)
    return refused, told
