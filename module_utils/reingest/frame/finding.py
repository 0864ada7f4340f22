"""What is not as it should be, by a name under which an operator may accept it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One finding: ``kind:subject``, what was found, and what to do.

    ``acceptable`` is false for what no operator may accept; ``hooked`` is true for what is accepted only
    where a task file of the user's own puts it right after the promotion.
    """

    name: str
    message: str
    remedy: str
    acceptable: bool = True
    hooked: bool = False

    def shown(self) -> dict[str, Any]:
        """Return it for a result or a report."""
        return {"name": self.name, "message": self.message, "remedy": self.remedy}
