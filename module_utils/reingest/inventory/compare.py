"""Three inventories: what production's own load made, what production is, and what the new load made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .model import COMMENT, DEFAULT_PRIVILEGES, LABEL, OWNER, PRIVILEGES, ROW_SECURITY, Inventory, Item, Key

HAND, RELEASE, BOTH = "hand", "release", "both"  # who made the difference
# Facts that any object may have are judged by themselves, by a kind of their own.
ASPECTS = {
    OWNER: "owner",
    PRIVILEGES: "privileges",
    COMMENT: "comment",
    LABEL: "security-label",
    ROW_SECURITY: "row-security",
}


@dataclass(frozen=True)
class Difference:
    """Where production and the new load differ.

    ``kind`` is what a rule names it by; ``facts`` are those that differ, none where one of the two has no
    such object. ``within`` are the objects that come and go with it.
    """

    kind: str
    cause: str
    production: Item | None
    load: Item | None
    facts: tuple[str, ...] = ()
    within: int = 0

    @property
    def item(self) -> Item:
        """Return the object: production's, where it has it."""
        found = self.production or self.load
        assert found is not None  # noqa: S101 - one of both is there
        return found

    @property
    def identity(self) -> str:
        """Return what it is named by: of an owner or a comment, the kind of its object first."""
        item = self.item
        return f"{item.kind}:{item.identity}" if self.kind in ASPECTS.values() else item.identity

    @property
    def is_whole(self) -> bool:
        """Return whether it is about the object itself, not only its owner, rights or comment."""
        return self.kind not in ASPECTS.values()

    @property
    def name(self) -> str:
        """Return the name of the finding."""
        return f"object:{self.kind}:{self.identity}"


def compare(production: Inventory, load: Inventory, base: Inventory | None) -> tuple[Difference, ...]:
    """Return all differences of production and the load, in the order of their names.

    Args:
        production: what it is now.
        load: what the new load made.
        base: what production's own load made; None where that is not known: then whatever both have and is
            not the same was made by hand, and so is what only production has.
    """
    before = base.items if base is not None else None
    found = [
        one
        for key in {**production.items, **load.items}
        for one in _of_object(key, production.items, load.items, before)
    ]
    return tuple(sorted(_folded(found), key=lambda one: one.name))


def _of_object(
    key: Key, production: Mapping[Key, Item], load: Mapping[Key, Item], base: Mapping[Key, Item] | None
) -> Iterator[Difference]:
    live, made = production.get(key), load.get(key)
    was = base.get(key) if base is not None else None
    built_in = next((one for one in (live, made) if one is not None and one.initial is not None), None)
    if built_in is not None:  # where it is not listed, nobody changed it
        untouched = built_in.untouched()
        live, made = live or untouched, made or untouched
        was = was or (untouched if base is not None else None)
    if live is None or made is None:
        yield Difference((live or made or built_in).kind, _cause_of_whole(live, made, was), live, made)  # type: ignore[union-attr]
        return
    causes: dict[str, dict[str, str]] = {}
    for fact in {**live.facts, **made.facts}:
        one, other = live.facts.get(fact), made.facts.get(fact)
        if one != other:
            kind = live.kind if live.kind == DEFAULT_PRIVILEGES else ASPECTS.get(fact, live.kind)
            causes.setdefault(kind, {})[fact] = _cause(one, other, was, fact, known=base is not None)
    for kind, facts in causes.items():
        cause = BOTH if BOTH in facts.values() else HAND if HAND in facts.values() else RELEASE
        told = tuple(fact for fact, by in facts.items() if cause == RELEASE or by != RELEASE)
        yield Difference(kind, cause, live, made, told)


def _cause_of_whole(live: Item | None, made: Item | None, was: Item | None) -> str:
    """Return who made an object that only one of the two has, or dropped it in the other."""
    if was is None:
        return RELEASE if live is None else HAND  # also where nobody knows what production's load made
    there = live or made
    same = there is not None and there.facts == was.facts
    if live is None:
        return HAND if same else BOTH
    return RELEASE if same else BOTH


def _cause(live: Any, made: Any, was: Item | None, fact: str, *, known: bool) -> str:  # noqa: ANN401 - of JSON
    if not known:
        return HAND
    if was is None:
        return BOTH
    before = was.facts.get(fact)
    return RELEASE if live == before else HAND if made == before else BOTH


def _folded(found: list[Difference]) -> Iterator[Difference]:
    """Yield the differences without the parts of what is itself missing, which are counted with it."""
    missing = {one.item.key: one for one in found if not one.facts}
    within: dict[Key, int] = {}
    left = []
    for one in found:
        over = [
            key
            for key in one.item.inside
            if key in missing and (missing[key].load is None) == (one.load is None) and not one.facts
        ]
        for key in over:
            within[key] = within.get(key, 0) + 1
        if not over:
            left.append(one)
    for one in left:
        parts = 0 if one.facts else within.get(one.item.key, 0)
        yield Difference(one.kind, one.cause, one.production, one.load, one.facts, parts) if parts else one
