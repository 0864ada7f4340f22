"""What changes an object in place, where dropping it would take along what depends on it."""

from __future__ import annotations

from collections.abc import Sequence

from .compare import Difference
from .model import Item
from .names import NotCarried, literal


def alterations(difference: Difference, live: Item, made: Item) -> list[str]:
    """Return the statements; none where the object is to be dropped and made again.

    Raises:
        NotCarried: neither will do.
    """
    if live.kind == "extension":
        return _extension(difference, live)
    if live.kind == "sequence" and difference.facts == ("sequence",):
        one = live.facts["sequence"][0]
        return [f"ALTER SEQUENCE {live.identity} {sequence_options(one)}"]
    if live.kind == "type" and difference.facts == ("labels",):
        return _labels(live, live.facts["labels"], made.facts["labels"])
    if live.kind in ("sequence", "schema"):
        raise NotCarried(f"its {' and '.join(difference.facts)} cannot be changed in place")
    return []


def sequence_options(one: dict[str, object]) -> str:
    """Return what a sequence is, by its row of pg_sequence."""
    return (
        f"AS {one.get('typid')} START {one.get('start')} INCREMENT {one.get('increment')}"
        f" MINVALUE {one.get('min')} MAXVALUE {one.get('max')} CACHE {one.get('cache')}"
        f"{' CYCLE' if one.get('cycle') else ' NO CYCLE'}"
    )


def _extension(difference: Difference, live: Item) -> list[str]:
    if difference.facts != ("version",):
        raise NotCarried(f"its {' and '.join(difference.facts)} cannot be changed in place")
    return [f"ALTER EXTENSION {live.identity} UPDATE TO {literal(str(live.facts['version']))}"]


def _labels(live: Item, wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    """Return what adds the labels of an enum that it lacks; none where it would lose or reorder some."""
    if [label for label in wanted if label in there] != list(there):
        return []
    texts = []
    for number, label in enumerate(wanted):
        if label not in there:
            place = f"AFTER {literal(wanted[number - 1])}" if number else f"BEFORE {literal(there[0])}"
            texts.append(f"ALTER TYPE {live.identity} ADD VALUE {literal(label)} {place}")
    return texts
