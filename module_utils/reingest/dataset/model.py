"""What dataset.yml says, as values: the tables, who owns each, and where its rows come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = "source"
PORTAL = "portal"
SCHEMA = "schema"
OWNERS = (SOURCE, PORTAL, SCHEMA)

REST = "*"  # what is left of the record
ELEMENT = "."  # the element that `each:` is at; `.name` is inside it


@dataclass(frozen=True)
class Column:
    """A column and the paths in the record that it may come from; the first one present counts."""

    name: str
    paths: tuple[str, ...]
    optional: bool = False

    @property
    def is_rest(self) -> bool:
        """Return whether the column takes what is left of the record."""
        return self.paths == (REST,)


@dataclass(frozen=True)
class Dialect:
    """How a file of fields is written; `quote` is empty where nothing is quoted."""

    delimiter: str
    quote: str
    null: str


@dataclass(frozen=True)
class Table:
    """One table. ``shrink`` is a fraction; None where the dataset's own limit holds."""

    name: str
    owner: str
    sources: tuple[str, ...] = ()
    format: str = ""
    each: str = ""
    columns: tuple[Column, ...] = ()
    duplicates: str = "fail"
    orphans: str = "fail"
    shrink: float | None = None
    delimiter: str = ""
    quote: str = ""
    null: str = ""

    @property
    def typed(self) -> bool:
        """Return whether the sources' values have types and may be nested; those of csv and tsv are texts."""
        return self.format not in ("csv", "tsv")


@dataclass(frozen=True)
class Check:
    """A query with one value, and the value expected."""

    name: str
    query: str
    expect: Any


@dataclass(frozen=True)
class Dataset:
    """The whole file, its paths made absolute; ``tables`` are in the order of the file."""

    file: Path
    database: str
    schema: Path
    sources: Path
    release: str
    tables: tuple[Table, ...]
    transforms: tuple[Path, ...]
    shrink: float | None
    checks: tuple[Check, ...]

    def table(self, name: str) -> Table | None:
        """Return the table of that name."""
        return next((table for table in self.tables if table.name == name), None)
