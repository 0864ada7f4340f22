"""What dataset.yml says, as values: the tables, who owns each, and where its rows come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..sources.reading import Reading
from ..sources.registry import format_called
from .column_form import ColumnForm
from .limits import Limits
from .owners import PORTAL

NO_SCHEMA = Path(os.devnull)  # an empty file: the loader makes the tables itself

REST = "*"  # what is left of the record
ELEMENT = "."  # the element that `each:` is at; `.name` is inside it


@dataclass(frozen=True)
class Column:
    """A column and the paths in the record that it may come from; the first one present counts.

    ``form`` is how its values are written, where PostgreSQL reads another form. Without a path it has the
    same ``value`` in each row.
    """

    name: str
    paths: tuple[str, ...]
    optional: bool = False
    form: ColumnForm | None = None
    value: str | float | bool | None = None

    @property
    def is_rest(self) -> bool:
        """Return whether the column takes what is left of the record."""
        return self.paths == (REST,)

    @property
    def is_constant(self) -> bool:
        """Return whether the column has the same value in each row."""
        return not self.paths


@dataclass(frozen=True)
class Condition:
    """What a record has at a path to be one of the table's; None is also a path that is not there."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Budget:
    """How many rows may be rejected: a number, or a fraction of the rows read."""

    rows: int | None = None
    fraction: float | None = None

    def allows(self, rejected: int, read: int) -> bool:
        """Return whether so many rows of those read may be rejected."""
        if self.fraction is not None:
            return rejected <= self.fraction * read
        return self.rows is None or rejected <= self.rows

    def __str__(self) -> str:
        """Return it as the dataset has it."""
        return f"{self.fraction * 100:g}%" if self.fraction is not None else str(self.rows)


@dataclass(frozen=True)
class Table:
    """One table. ``max_rejects`` is None where only the dataset's own limit holds.

    ``required``: it must have rows, also where production has none.
    """

    name: str
    owner: str
    sources: tuple[str, ...] = ()
    reading: Reading = field(default_factory=Reading)
    each: str = ""
    where: tuple[Condition, ...] = ()
    columns: tuple[Column, ...] = ()
    duplicates: str = "fail"
    orphans: str = "fail"
    on_reject: str = "fail"
    max_rejects: Budget | None = None
    limits: Limits = field(default_factory=Limits)
    oids: Mapping[str, str] = field(default_factory=dict)  # by column, what its OIDs are
    required: bool = False
    pattern: str = ""  # the pattern of the dataset that took it; empty: it is named there

    @property
    def quarantines(self) -> bool:
        """Return whether rows that are not good are set aside instead of ending the load."""
        return self.on_reject == "quarantine"

    @property
    def typed(self) -> bool:
        """Return whether the sources' values have types and may be nested; those of csv and tsv are texts."""
        return not self.reading.format or format_called(self.reading.format).typed


@dataclass(frozen=True)
class Check:
    """A query with one value, and the value expected."""

    name: str
    query: str
    expect: Any


@dataclass(frozen=True)
class ObjectRule:
    """What becomes of objects made by hand in production, by kind and pattern: carry, fail or ignore."""

    kind: str
    name: str
    do: str


@dataclass(frozen=True)
class Dataset:
    """The whole file, its paths made absolute; ``tables`` are in the order of the file.

    ``databases`` says of production's other databases, by name, what becomes of each: ``ignore``,
    or ``portal``, carried whole;
    ``timezone`` is that of times without one, ``dates`` the order of a date that is written in numbers;
    ``again`` are the transforms that run again once users' rows are in place, ``unpopulated`` the
    materialised views that a load does not refresh, ``after_switch`` those that a switch refreshes only when
    its window is closed.
    """

    file: Path
    database: str
    schema: Path
    sources: Path
    release: str
    tables: tuple[Table, ...]
    transforms: tuple[Path, ...]
    checks: tuple[Check, ...]
    limits: Mapping[str, float] = field(default_factory=dict)  # of all tables that declare no other ones
    max_rejects: Budget | None = None
    databases: Mapping[str, str] = field(default_factory=dict)
    again: tuple[Path, ...] = ()
    unpopulated: frozenset[str] = frozenset()
    after_switch: frozenset[str] = frozenset()
    objects: tuple[ObjectRule, ...] = ()
    timezone: str = "UTC"
    dates: str = "YMD"
    patterns: tuple[Table, ...] = ()  # of tables that it does not name; their names are the patterns

    @property
    def portal(self) -> bool:
        """Return whether the portal's users write any of the tables, or another database of production."""
        return any(table.owner == PORTAL for table in (*self.tables, *self.patterns)) or bool(self.whole)

    @property
    def whole(self) -> list[str]:
        """Return production's other databases that are carried whole."""
        return sorted(name for name, owner in self.databases.items() if owner == PORTAL)

    @property
    def views(self) -> frozenset[str]:
        """Return the materialised views of which the dataset says something."""
        return self.unpopulated | self.after_switch

    def table(self, name: str) -> Table | None:
        """Return the table of that name."""
        return next((table for table in self.tables if table.name == name), None)
