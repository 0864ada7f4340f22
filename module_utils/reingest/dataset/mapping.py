"""From a record of a source to the rows of a table, by the paths of the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from ..errors import Refusal
from .model import ELEMENT, Column

Value = Any  # whatever a source holds
Record = dict[str, Any]
_SHOWN_KEYS = 30


@dataclass(frozen=True)
class Path:
    """A path: the keys to follow, from the record or (``inside``) from the element of ``each:``."""

    text: str
    keys: tuple[str, ...]
    inside: bool


class UnfitError(Exception):
    """A record that has not the form that the mapping needs; the message says what is wrong, not where."""


class Mapper:
    """Makes rows of records and remembers which paths it has met.

    ``rows`` yields one list of values for each row, in the order of ``columns``; a path that a record does
    not have gives None. A nested path leaves its top-level key in the rest (``"*"``), a top-level key that
    was taken whole does not stay there.
    """

    def __init__(self, columns: Sequence[Column], each: str = "", *, nested: bool = True) -> None:
        """``nested`` is false where paths are the names of fields, dots and all."""
        self.columns = tuple(columns)
        self._each = _path(each, nested) if each else None
        parsed = [[_path(text, nested) for text in column.paths] for column in self.columns]
        self._of_record: list[tuple[int, Callable[[Value], Value]]] = []
        self._of_element: list[tuple[int, Callable[[Value], Value]]] = []
        self._whole: list[str] = (
            [] if self._each is None or len(self._each.keys) > 1 else [self._each.keys[0]]
        )
        self._choices: list[list[Path]] = []
        self._rest = -1
        for at, (column, paths) in enumerate(zip(self.columns, parsed)):
            if column.is_rest:
                self._rest = at
                continue
            (self._of_element if paths[0].inside else self._of_record).append((at, _getter(paths)))
            if len(paths) > 1:
                self._choices.append(paths)
            elif not paths[0].inside and len(paths[0].keys) == 1:
                self._whole.append(paths[0].keys[0])
        self._unseen = {
            column.name: paths
            for column, paths in zip(self.columns, parsed)
            if not column.is_rest and not column.optional and paths[0].keys
        }
        if self._each is not None:
            self._unseen["each"] = [self._each]
        self._get_each = _getter([self._each]) if self._each is not None else None
        self._keys: dict[str, dict[str, None]] = {name: {} for name in self._unseen}

    def rows(self, record: Record) -> Iterator[list[Any]]:
        """Yield the rows of one record.

        Raises:
            UnfitError: ``each:`` leads to something that is not an array.
        """
        if self._unseen:
            self._look(record, inside=False)
        row: list[Any] = [None] * len(self.columns)
        for at, get in self._of_record:
            row[at] = get(record)
        if self._rest >= 0:
            row[self._rest] = self._left(record)
        if self._get_each is None:
            yield row
            return
        elements = self._get_each(record)
        if elements is None:
            return
        if type(elements) is not list:
            raise UnfitError(
                f"{self._each and self._each.text} is no array, and `each:` makes one row of each element"
            )
        for element in elements:
            if self._unseen:
                self._look(element, inside=True)
            one = row.copy()
            for at, get in self._of_element:
                one[at] = get(element)
            yield one

    @property
    def unmet(self) -> frozenset[str]:
        """Return the columns whose path no record had so far, and must have."""
        return frozenset(self._unseen)

    def check_paths(self, table: str, source: str) -> None:
        """Refuse a path that no record of the source had, once all were read.

        Raises:
            Refusal: names the table, the column, the path and the keys that are there.
        """
        for name, paths in self._unseen.items():
            there = list(self._keys[name])
            if not there:
                continue  # no record at all: that is not a wrong path
            keys = ", ".join(there[:_SHOWN_KEYS]) + (", ..." if len(there) > _SHOWN_KEYS else "")
            what = "each" if name == "each" else f"column {name}"
            texts = " or ".join(path.text for path in paths)
            raise Refusal(
                f"table {table}, {what}: the path {texts} occurs in no record of {source}; "
                f"the keys there are {keys}; correct the path, or declare it `optional: true`"
            )

    def _left(self, record: Record) -> Record:
        rest = record.copy()
        for key in self._whole:
            rest.pop(key, None)
        for paths in self._choices:
            for path in paths:
                if _follow(record, path.keys) is not None:
                    if len(path.keys) == 1 and not path.inside:
                        rest.pop(path.keys[0], None)
                    break
        return rest

    def _look(self, value: Value, *, inside: bool) -> None:
        for name, paths in list(self._unseen.items()):
            for path in paths:
                if path.inside != inside:
                    continue
                below, found = value, True
                for key in path.keys:
                    if type(below) is not dict or key not in below:
                        found = False
                        break
                    below = below[key]
                if found:
                    del self._unseen[name]
                    break
                if type(below) is dict:
                    self._keys[name].update(dict.fromkeys(below))


def _path(text: str, nested: bool) -> Path:
    if not nested:
        return Path(text, (text,), inside=False)
    inside = text.startswith(ELEMENT)
    return Path(text, tuple(key for key in text.split(".") if key), inside)


def _follow(value: Value, keys: Sequence[str]) -> Value:
    for key in keys:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value


def _getter(paths: Sequence[Path]) -> Callable[[Value], Value]:
    """Return the quickest function that follows the paths: it runs once for each column of each record."""
    if len(paths) > 1:
        getters = [_getter([path]) for path in paths]

        def first(value: Value) -> Value:
            for get in getters:
                found = get(value)
                if found is not None:
                    return found
            return None

        return first
    keys, inside = paths[0].keys, paths[0].inside
    if len(keys) == 1 and not inside:
        only = keys[0]
        return lambda record: record.get(only)
    return lambda value: _follow(value, keys)
