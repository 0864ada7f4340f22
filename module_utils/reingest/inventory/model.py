"""What a database consists of: every object by its name, with what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

Key = tuple[str, str]  # kind and identity
# One right: its name, whom it was given to, who gave it, and whether it may be passed on. None is the owner,
# "" is everybody: so the rights are the same when only the owner is another one.
Right = tuple[str, Optional[str], Optional[str], bool]

# Facts that every kind of object may have; the others say what it is.
OWNER, PRIVILEGES, COMMENT, LABEL, ROW_SECURITY = (
    "owner",
    "privileges",
    "comment",
    "security label",
    "row security",
)
DEFINITION = "definition"  # a statement, or the part of one, as the server writes it

# Kinds that are named in the code; all others are as PostgreSQL names them, with hyphens.
TABLE, COLUMN, POLICY, SETTING, DATABASE = "table", "column", "policy", "setting", "database"
DEFAULT_PRIVILEGES, CATALOGUE = "default-privileges", "catalogue"


@dataclass(frozen=True)
class Item:
    """One object; its facts are values of JSON, by name.

    ``inside`` are the objects that it goes with. ``initial`` are the rights that a built-in object has where
    nobody changed them; such an object is listed only where somebody did. ``table`` is the table that it is,
    or is a column of, as the dataset names it.
    """

    kind: str
    identity: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    inside: frozenset[Key] = frozenset()
    initial: tuple[Right, ...] | None = None
    table: str = ""
    place: tuple[int, int] = field(default=(0, 0), compare=False)  # its catalogue and OID in this one server
    value: str = field(default="", repr=False)  # of a setting: it may be a secret, so its fact is a digest

    @property
    def key(self) -> Key:
        """Return what there is one of."""
        return self.kind, self.identity

    @property
    def called(self) -> str:
        """Return it for a message: "view public.report"."""
        return f"{self.kind.replace('-', ' ')} {self.identity}"

    @property
    def rights(self) -> set[Right]:
        """Return the privileges on it."""
        return rights_of(self.facts.get(PRIVILEGES))

    def untouched(self) -> Item:
        """Return it as it is where nobody changed its rights."""
        facts = {name: value for name, value in self.facts.items() if name != PRIVILEGES}
        return replace(self, facts={**facts, PRIVILEGES: sorted_rights(self.initial or ())})


@dataclass(frozen=True)
class Inventory:
    """All objects of a database; ``unread`` are the catalogues that the login may not read."""

    items: Mapping[Key, Item]
    major: int
    unread: tuple[str, ...] = ()


def rights_of(value: Any) -> set[Right]:  # noqa: ANN401 - of JSON
    """Return rights as they are compared."""
    return {(name, to, by, passed) for name, to, by, passed in value or ()}


def sorted_rights(rights: Any) -> list[list[Any]]:  # noqa: ANN401 - any collection of rights
    """Return rights in one order, as a fact has them."""
    return sorted(map(list, rights), key=lambda one: [str(part or "") for part in one] + [one[1] is None])
