"""Values that DuckDB reads otherwise by right: looked for where figures differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..dataset.model import Column, Table
from .json_lines import doubtful, json_keys
from .kinds import TIMESTAMP, Kind
from .part import JSON, Part, Value, quoted

_LONG = r"[.,]\d{7}"  # more digits than microseconds have
_OFFSET = r"\d:\d\d.*[-+]\d\d(:?\d\d)?$"  # PostgreSQL passes over it where the column has no zone


_DIGITS = 15  # that a double keeps of a decimal


@dataclass(frozen=True)
class Doubt:
    """How many values of a column are doubtful, how many of them may be NULL, and why.

    ``of_records``: they may also begin or end a record.
    """

    values: int
    nulls: int
    reason: str
    of_records: bool = False


def doubts_statement(table: Table, kinds: Mapping[str, Kind], parts: Sequence[Part]) -> tuple[str, list[str]]:
    """Return what is asked, and the reason for each column.

    The answer has two numbers for each: doubtful values, and those that may be NULL.

    Args:
        table: the table.
        kinds: what the table's columns are.
        parts: its sources; of JSON with the types of all values.
    """
    columns = table.columns
    reasons = [_reason(table, kinds[column.name]) for column in columns]
    rows = " UNION ALL ".join(_rows(table, kinds, part, columns) for part in parts)
    counts = ", ".join(
        f"count(*) FILTER (WHERE d{at}), count(*) FILTER (WHERE n{at})" for at in range(len(columns))
    )
    return f"WITH records AS ({rows}) SELECT {counts} FROM records", reasons  # noqa: S608 - quoted


def escapes(table: Table) -> bool:
    """Return whether characters of the table's sources escape others."""
    dialect = table.reading.dialect
    return bool(dialect.escape) and dialect.escape != dialect.quote


def _rows(table: Table, kinds: Mapping[str, Kind], part: Part, columns: Sequence[Column]) -> str:
    told = []
    for at, column in enumerate(columns):
        values = [(path, part.values[path]) for path in column.paths if path in part.values]
        doubtful_ones = [_doubtful(table, kinds[column.name], path, value) for path, value in values]
        nulls = [_may_be_null(table, value) for _, value in values]
        told.append(f"({' OR '.join(doubtful_ones) or 'false'}) AS d{at}")
        told.append(f"({' OR '.join(nulls) or 'false'}) AS n{at}")
    condition = f" WHERE {part.condition}" if part.condition else ""
    return f"SELECT {', '.join(told)} FROM {part.relation}{condition}"  # noqa: S608 - quoted


def _doubtful(table: Table, kind: Kind, path: str, value: Value) -> str:
    if escapes(table):
        marks = (table.reading.dialect.escape, table.reading.dialect.quote)
        has = [f"contains({value.sql}, {quoted(mark)})" for mark in marks if mark]
        return " OR ".join([*has, _may_be_null(table, value)])
    if kind.name == "time" and value.given in (JSON, "text", "VARCHAR"):
        form = f"{_LONG}|{_OFFSET}" if kind is TIMESTAMP else _LONG
        return f"regexp_matches({value.sql}, {quoted(form)})"
    if value.given == JSON and kind.texts:
        return doubtful(json_keys(path))
    if value.given == JSON and kind.name == "decimal":
        return f"strlen({value.sql}) > {_DIGITS}"
    return "false"


def _may_be_null(table: Table, value: Value) -> str:
    """Return what tells of a text that it may be that for NULL, without its escape."""
    dialect = table.reading.dialect
    bare = dialect.null.replace(dialect.escape, "") if escapes(table) else dialect.null
    return f"{value.sql} = {quoted(bare)}" if bare != dialect.null else "false"


def _reason(table: Table, kind: Kind) -> str:
    if escapes(table):
        return f"may have had a {table.reading.dialect.escape!r}, an escape to DuckDB only in quotes"
    if kind.name == "time":
        return "are times with an offset, or of more than microseconds"
    return "are numbers, whose digits DuckDB does not keep"
