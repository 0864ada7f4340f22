"""The reader for a table's files, chosen by their format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..dataset.model import Dialect, Table
from .bad import Bad
from .delimited import read_delimited, read_header
from .json_lines import read_json_lines
from .source import Source

__all__ = ["Bad", "read_fields", "read_records"]


def read_fields(table: Table, path: Source) -> tuple[str, ...] | None:
    """Return the names of the fields that every record of the file has; None where each has its own.

    Raises:
        Refusal: they cannot be read.
    """
    return None if table.format == "jsonl" else read_header(path, _dialect(table))


def read_records(table: Table, path: Source) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """Yield the records of one file with their line numbers, at constant memory; ``Bad`` where one is unreadable.

    Raises:
        Refusal: the file cannot be read on; with file and line.
    """
    if table.format == "jsonl":
        return read_json_lines(path)
    return read_delimited(path, _dialect(table))


def _dialect(table: Table) -> Dialect:
    """Return how the table's files of fields are written."""
    return Dialect(table.delimiter, table.quote, table.null)
