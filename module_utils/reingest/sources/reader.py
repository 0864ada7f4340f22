"""The reader for a table's sources, chosen by their format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..dataset.model import Table
from .bad import Bad
from .bson_dump import read_bson
from .database import read_database, read_database_fields
from .delimited import read_delimited, read_header
from .json_array import read_json_array
from .json_lines import read_json_lines
from .parquet import read_parquet, read_parquet_fields
from .source import Source

__all__ = ["Bad", "read_fields", "read_records"]


def read_fields(table: Table, source: Source) -> tuple[str, ...] | None:
    """Return the names of the fields that every record of the source has; None where each has its own.

    Raises:
        Refusal: they cannot be read.
    """
    reading = table.reading
    if reading.format in ("csv", "tsv"):
        return read_header(source, reading)
    if reading.format == "parquet":
        return read_parquet_fields(source)
    if reading.format == "sql":
        return read_database_fields(source)
    return None


def read_records(table: Table, source: Source) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """Yield the records of one source with their numbers; ``Bad`` where one is unreadable; constant memory.

    The number is that of the record's first line in a text, elsewhere that of the record, from 1. Values
    are those that JSON has (``sources.values``).

    Raises:
        Refusal: the source cannot be read on; with its name and the place.
    """
    reading = table.reading
    if reading.format in ("csv", "tsv"):
        return read_delimited(source, reading)
    if reading.format == "json":
        return read_json_array(source, reading)
    if reading.format == "parquet":
        return read_parquet(source)
    if reading.format == "bson":
        return read_bson(source, reading)
    if reading.format == "sql":
        return read_database(source)
    return read_json_lines(source, reading)
