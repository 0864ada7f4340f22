"""What became of one request to the portal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    ``never``: it is not the portal that is away, but this host that cannot ask it.
    """

    good: bool
    release: str = ""
    why: str = ""  # it is not good; empty where it is
    never: bool = False
