"""Differences as people read them: what was made by hand, and the statements to add to the schema."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..disclosure.printable import printable
from .compare import ASPECTS, BOTH, Difference
from .model import DEFINITION, PRIVILEGES, SETTING, Item, Right, rights_of
from .secrets import MASK, SECRET
from .statements import created

_MOST_LINES = 40  # of a difference between two definitions
_LONGEST = 300  # characters of what a catalogue has of an object
_OPTION = re.compile(r"([^=]+)=.*", re.DOTALL)


def said(difference: Difference) -> str:
    """Return what differs, as a sentence without its end."""
    one, other = difference.production, difference.load
    by_hand = "in production by hand"
    more = f" (and {difference.within} more that go with it)" if difference.within else ""
    called = printable(difference.item.called)  # a definition has lines, a name has none
    if other is None:
        if difference.cause == BOTH:
            return f"{called}{more} was changed {by_hand}, and the release drops it"
        return f"{called}{more} was made {by_hand}, and the load does not have it"
    if one is None:
        if difference.cause == BOTH:
            return f"{called}{more} was dropped {by_hand}, and the release changes it"
        return f"{called}{more} was dropped {by_hand}, and the load has it"
    whose = "" if difference.kind == one.kind else f"{difference.kind.replace('-', ' ')} of "
    who = f"{by_hand}, and by the release in another way" if difference.cause == BOTH else by_hand
    changes = "; ".join(text for fact in difference.facts for text in _changes(fact, one, other))
    return f"{whose}{called} was changed {who}: {changes}"


def remedy(difference: Difference, *, carried: bool) -> str:
    """Return what to do about a difference that is not carried.

    Args:
        difference: it.
        carried: whether the dataset could declare it to be carried.
    """
    item = difference.item
    if difference.production is None:
        return "take it out of the schema"
    texts = created(item) if not difference.facts or DEFINITION in difference.facts else []
    # A setting of a function may be anything, but what a setting is called is the statement itself.
    advice = "put production's form into the schema"
    if texts:
        advice = f"add to the schema:\n{'; '.join(texts)};\n"
    elif not difference.facts:
        advice = (
            f"add it to the schema (pg_dump --schema-only writes it); its catalogue has {shown_facts(item)}"
        )
    if carried:
        name = json.dumps(item.identity, ensure_ascii=False)
        advice += f" or carry it (objects: [{{kind: {difference.kind}, name: {name}, do: carry}}])"
    return advice


def state(difference: Difference) -> str:
    """Return what both sides are, whole: what an acceptance holds for. What may be a secret is not in it."""
    sides = [_facts(one, difference.facts) for one in (difference.production, difference.load)]
    return json.dumps([difference.cause, difference.within, *sides], ensure_ascii=False, sort_keys=True)


def _facts(item: Item | None, names: Sequence[str]) -> dict[str, str] | None:
    if item is None:
        return None
    return {name: _shown(item, name, item.facts.get(name)) for name in names or item.facts}


def shown_facts(item: Item) -> str:
    """Return what an object is, in a line."""
    facts = {name: value for name, value in item.facts.items() if name not in ASPECTS}
    told = ", ".join(f"{name}: {_shown(item, name, value)}" for name, value in sorted(facts.items()))
    return (f"{told[:_LONGEST]}..." if len(told) > _LONGEST else told) or "no more"


def _changes(fact: str, live: Item, made: Item) -> Iterable[str]:
    before, after = made.facts.get(fact), live.facts.get(fact)
    if fact == PRIVILEGES:
        return _of_rights(rights_of(after), rights_of(before))
    one, other = _shown(made, fact, before), _shown(live, fact, after)
    if "\n" in one + other:
        lines = difflib.unified_diff(one.splitlines(), other.splitlines(), "load", "production", lineterm="")
        return ["\n" + "\n".join(list(lines)[:_MOST_LINES]) + "\n"]
    return [f"{fact} is {other} in production, {one} in the load"]


def _of_rights(live: set[Right], made: set[Right]) -> list[str]:
    more, fewer = live - made, made - live
    texts = [f"production has {_right(one)}" for one in sorted(more, key=str)]
    return texts + [f"production has no {_right(one)}" for one in sorted(fewer, key=str)]


def _right(right: Right) -> str:
    name, to, by, passed = right
    whom = "PUBLIC" if to == "" else "its owner" if to is None else to
    return f"{name} for {whom}{' with grant option' if passed else ''}{f' by {by}' if by is not None else ''}"


def _shown(item: Item, fact: str, value: Any) -> str:  # noqa: ANN401 - of JSON
    """Return the value of a fact, without what may be a secret."""
    if value is None:
        return "none"
    if item.kind == SETTING and fact == "value":
        return MASK if SECRET.search(item.identity) else item.value
    if isinstance(value, str):
        return value
    if fact.endswith("options") and isinstance(value, list):
        value = [_option(str(one)) for one in value]
    return json.dumps(value, ensure_ascii=False)


def _option(text: str) -> str:
    found = _OPTION.fullmatch(text)
    return f"{found[1]}={MASK}" if found and SECRET.search(found[1]) else text
