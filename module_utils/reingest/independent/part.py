"""What DuckDB is asked of one source: where its records are, and what a record has at each path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..dataset.model import Table

TEXT, JSON = "text", "JSON"  # what is given, beside DuckDB's own types
# How a text is held to its form: to the letter, less so, or so that records which have none are passed over.
STRICT, LOOSE, PASSING = "strict", "loose", "passing"


class NotFollowedError(Exception):
    """What is declared cannot be followed by another reader; the message says what, for a person."""


@dataclass(frozen=True)
class Value:
    """What a record has at a path.

    Args:
        sql: DuckDB's expression.
        given: what it gives: a text of fields, one of JSON, or the name of DuckDB's type.
        why_not: empty, or why only NULLs can be counted.
    """

    sql: str
    given: str
    why_not: str = ""


@dataclass(frozen=True)
class Part:
    """One source.

    Args:
        relation: DuckDB's expression for its records.
        values: by path.
        condition: what a record of the table fulfils; empty: all are the table's.
        perhaps: what tells of a record that may be none; empty: all are records.
        head: a query for the header, and what it must give; None where there is none.
    """

    relation: str
    values: Mapping[str, Value]
    condition: str = ""
    perhaps: str = ""
    head: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Opened:
    """A source as DuckDB opens it.

    Args:
        link: its path, without characters that mean something in a pattern.
        packing: ``gzip``, ``zstd`` or ``uncompressed``.
        fields: the names of its fields, where it has such.
        mode: how the text is held to its form.
    """

    link: Path
    packing: str = "uncompressed"
    fields: tuple[str, ...] = ()
    mode: str = STRICT


@dataclass(frozen=True)
class Wanted:
    """The paths that a table's columns and conditions need, each once."""

    columns: tuple[str, ...]
    conditions: tuple[str, ...] = field(default=())

    @staticmethod
    def of(table: Table) -> Wanted:
        """Return those of a table."""
        columns = (path for column in table.columns if not column.is_rest for path in column.paths)
        return Wanted(tuple(dict.fromkeys(columns)), tuple(dict.fromkeys(one.path for one in table.where)))


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def named(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def options(**given: str | int | bool) -> str:
    """Return named arguments of a table function; texts are expressions already."""
    shown = {
        name: str(value).lower() if value is True or value is False else value
        for name, value in given.items()
    }
    return ", ".join(f"{name}={value}" for name, value in shown.items())


def keys_of(path: str) -> tuple[str, ...]:
    """Return the keys to follow."""
    return tuple(key for key in path.split(".") if key)
