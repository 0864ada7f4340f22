"""From a record of a source to the rows of a table, by the paths of the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from ..errors import Refusal
from .model import ELEMENT, Column, Condition

Value = Any  # whatever a source holds
Record = dict[str, Any]
_SHOWN_KEYS = 30
_PLAIN = (str, int, float, bool, type(None))


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

    Records, or elements of ``each:``, that are not the table's give no row and are counted in ``filtered``.
    ``rows`` yields one list of values for each row, in the order of ``columns``; a path that a record does
    not have gives None, as does a column without one. A nested path leaves its top-level key in the rest
    (``"*"``), a top-level key that was taken whole does not stay there.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        each: str = "",
        *,
        nested: bool = True,
        where: Sequence[Condition] = (),
    ) -> None:
        """``nested`` is false where paths are the names of fields, dots and all."""
        self.filtered = 0
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
            if column.is_rest or column.is_constant:
                continue
            (self._of_element if paths[0].inside else self._of_record).append((at, _getter(paths)))
            if len(paths) > 1:
                self._choices.append(paths)
            elif not paths[0].inside and len(paths[0].keys) == 1:
                self._whole.append(paths[0].keys[0])
        self._unseen = {
            f"column {column.name}": paths
            for column, paths in zip(self.columns, parsed)
            if not column.is_rest and not column.optional and paths and paths[0].keys
        }
        if self._each is not None:
            self._unseen["each"] = [self._each]
        self._get_each = _getter([self._each]) if self._each is not None else None
        tests = [(_path(condition.path, nested), condition.values) for condition in where]
        self._record_is_ours = _all_of([test for test in tests if not test[0].inside])
        self._element_is_ours = _all_of([test for test in tests if test[0].inside])
        # Of columns in the records that are the table's, of conditions in all.
        self._unseen_where = {f"where {path.text}": [path] for path, _ in tests if path.keys}
        self._keys: dict[str, dict[str, None]] = {name: {} for name in (*self._unseen, *self._unseen_where)}

    def rows(self, record: Record) -> Iterator[list[Any]]:
        """Yield the rows of one record.

        Raises:
            UnfitError: ``each:`` leads to something that is not an array.
        """
        if self._unseen_where:
            self._look(self._unseen_where, record, inside=False)
        if self._record_is_ours and not self._record_is_ours(record):
            self.filtered += self._rows_of(record)
            return
        if self._unseen:
            self._look(self._unseen, record, inside=False)
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
            if self._unseen_where:
                self._look(self._unseen_where, element, inside=True)
            if self._element_is_ours and not self._element_is_ours(element):
                self.filtered += 1
                continue
            if self._unseen:
                self._look(self._unseen, element, inside=True)
            one = row.copy()
            for at, get in self._of_element:
                one[at] = get(element)
            yield one

    @property
    def unmet(self) -> frozenset[str]:
        """Return what has a path that no record had so far, and must have: columns, conditions, `each:`."""
        return frozenset((*self._unseen_where, *self._unseen))

    def check_paths(self, table: str, source: str) -> None:
        """Refuse a path that no record of the source had, once all were read.

        Raises:
            Refusal: names the table, the column, the path and the keys that are there.
        """
        for what, paths in {**self._unseen_where, **self._unseen}.items():
            there = list(self._keys[what])
            if not there:
                continue  # no record at all: that is not a wrong path
            keys = ", ".join(there[:_SHOWN_KEYS]) + (", ..." if len(there) > _SHOWN_KEYS else "")
            texts = " or ".join(path.text for path in paths)
            remedy = ", or declare it `optional: true`" if what in self._unseen else ""
            raise Refusal(
                f"table {table}, {what}: the path {texts} occurs in no record of {source}; "
                f"the keys there are {keys}; correct the path{remedy}"
            )

    def _rows_of(self, record: Record) -> int:
        """Return how many rows a record would give."""
        if self._get_each is None:
            return 1
        elements = self._get_each(record)
        return len(elements) if type(elements) is list else 0

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

    def _look(self, unseen: dict[str, list[Path]], value: Value, *, inside: bool) -> None:
        for name, paths in list(unseen.items()):
            for path in paths:
                if path.inside != inside:
                    continue
                below, found = value, True
                for key in path.keys:
                    if type(below) is list and _is_element(below, key):
                        below = below[int(key)]
                    elif type(below) is dict and key in below:
                        below = below[key]
                    else:
                        found = False
                        break
                if found:
                    del unseen[name]
                    break
                self._keys[name].update(dict.fromkeys(_there(below)))


def _path(text: str, nested: bool) -> Path:
    if not nested:
        return Path(text, (text,), inside=False)
    inside = text.startswith(ELEMENT)
    return Path(text, tuple(key for key in text.split(".") if key), inside)


def _there(value: Value) -> Sequence[str]:
    """Return what is there where a path ends too early; nothing where there is no value."""
    if type(value) is dict:
        return list(value)
    if type(value) is list:
        return [f"those of an array (0 is its first element, of {len(value)})"] if value else []
    return [] if value is None else ["none, it is no object"]


def _is_element(value: list[Value], key: str) -> bool:
    return key.isdecimal() and int(key) < len(value)


def _follow(value: Value, keys: Sequence[str]) -> Value:
    for key in keys:
        if type(value) is dict:
            value = value.get(key)
        elif type(value) is list and _is_element(value, key):
            value = value[int(key)]
        else:
            return None
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


def _all_of(tests: Sequence[tuple[Path, Sequence[Value]]]) -> Callable[[Value], bool] | None:
    """Return the function that says whether a value passes all the tests; None where there is none."""
    if not tests:
        return None
    # True is 1 to Python, and 1.0 is: of JSON's values only numbers are equal to each other.
    parts = [
        (_getter([path]), frozenset((type(value) is bool, value) for value in values))
        for path, values in tests
    ]

    def passes(value: Value) -> bool:
        for get, wanted in parts:
            found = get(value)
            if not isinstance(found, _PLAIN) or (type(found) is bool, found) not in wanted:
                return False
        return True

    return passes
