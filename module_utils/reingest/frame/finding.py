"""What is not as it should be, by a name under which an operator may accept it as it was seen."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

_DIGITS = 8  # of the digest of a state
SEEN = re.compile(rf"-?\d+|[0-9a-f]{{{_DIGITS}}}")  # an amount, or a digest


@dataclass(frozen=True)
class Finding:
    """One finding: ``kind:subject``, what was found, and what to do.

    ``acceptable`` is false for what no operator may accept; ``hooked`` is true for what is accepted only
    where a task file of the user's own puts it right after the promotion.

    ``amount`` is how much there is of it, below zero for how much too little; an acceptance holds for at most
    so much. Where it has none, ``state`` is what an acceptance holds for; empty where the message is that.
    """

    name: str
    message: str
    remedy: str
    acceptable: bool = True
    hooked: bool = False
    amount: int | None = None
    state: str = ""

    @property
    def seen(self) -> str:
        """Return what was seen as an acceptance has it: the amount, or a digest of the state."""
        return digest(self.state or self.message) if self.amount is None else str(self.amount)

    @property
    def acceptance(self) -> str:
        """Return what accepts it as it was seen, and nothing more."""
        return f"{self.name}@{self.seen}"

    def holds(self, seen: str) -> bool:
        """Return whether an acceptance of what was seen then holds for what is seen now."""
        if self.amount is None or not re.fullmatch(r"-?\d+", seen):
            return seen == self.seen
        then = int(seen)
        return abs(self.amount) <= abs(then) and (self.amount < 0) == (then < 0)

    def shown(self) -> dict[str, Any]:
        """Return it for a result or a report."""
        shown = {"name": self.name, "message": self.message, "remedy": self.remedy}
        return {**shown, "accept": self.acceptance} if self.acceptable else shown


def digest(text: str) -> str:
    """Return a text as an acceptance has it."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
