"""Patterns in `tables:`: which one takes a table that the dataset does not name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..errors import Refusal
from .model import Dataset, Table
from .pattern import matches


def expanded(dataset: Dataset, names: Iterable[str]) -> Dataset:
    """Return the dataset with a table for each of these names that a pattern takes.

    Args:
        dataset: the dataset.
        names: tables that are there and that are no part of another one.

    Raises:
        Refusal: two patterns have the same claim to a table.
    """
    if not dataset.patterns:
        return dataset
    known = {table.name for table in dataset.tables}
    taken = (_taken(dataset, name) for name in sorted(set(names) - known))
    return replace(dataset, tables=(*dataset.tables, *(table for table in taken if table is not None)))


def pattern_lines(dataset: Dataset) -> list[str]:
    """Return which pattern took which tables, a sentence each."""
    took: dict[str, list[str]] = {pattern.name: [] for pattern in dataset.patterns}
    for table in dataset.tables:
        if table.pattern:
            took[table.pattern].append(table.name)
    owners = {pattern.name: pattern.owner for pattern in dataset.patterns}
    return [
        f"pattern {name} ({owners[name]}) takes {', '.join(tables) or 'no table'}"
        for name, tables in took.items()
    ]


def _taken(dataset: Dataset, name: str) -> Table | None:
    """Return the table of the pattern with the most characters that stand for themselves."""
    fitting = sorted(
        (pattern for pattern in dataset.patterns if matches(pattern.name, name)),
        key=lambda pattern: -_literal(pattern.name),
    )
    if len(fitting) > 1 and _literal(fitting[0].name) == _literal(fitting[1].name):
        raise Refusal(
            f"{dataset.file}: tables: {fitting[0].name} and {fitting[1].name} both take table {name}, and "
            "say as "
            "much of its name: name the table"
        )
    return replace(fitting[0], name=name, pattern=fitting[0].name) if fitting else None


def _literal(pattern: str) -> int:
    return sum(character not in "*?" for character in pattern)
