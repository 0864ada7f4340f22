"""What stands against a load; all of it is reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing: the table, what is wrong, and what to do; ``lines`` are to be pasted as they are.

    ``rows`` is how many rows it is about, where they were counted.
    """

    table: str
    message: str
    remedy: str
    lines: tuple[str, ...] = ()
    rows: int | None = None


def told(faults: Sequence[Fault]) -> str:
    """Return one text with all faults, each in a line of its own, and below it the lines to paste."""
    begin = "" if len(faults) == 1 else f"{len(faults)} things stand against the load:\n"
    mark = "" if len(faults) == 1 else "- "
    return begin + "\n".join(
        "\n".join([f"{mark}{' '.join(f'{fault.message}; {fault.remedy}'.split())}", *fault.lines])
        for fault in faults
    )
