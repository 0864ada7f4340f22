"""The reader for a table's files, chosen by their format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..dataset.model import Dialect, Table
from .delimited import read_delimited
from .json_lines import read_json_lines


def dialect_of(table: Table) -> Dialect:
    """Return how the table's files of fields are written."""
    return Dialect(table.delimiter, table.quote, table.null)


def read_records(table: Table, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the records of one file with their line numbers, at constant memory.

    Raises:
        Refusal: the file is not what its format says; with file and line.
    """
    if table.format == "jsonl":
        return read_json_lines(path)
    return read_delimited(path, dialect_of(table))
