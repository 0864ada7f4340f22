"""The one statement that reads all sources of a table in DuckDB, and makes their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..dataset.model import Column, Table
from .kinds import BYTES, PRESENT, TIMESTAMP, Figure, Kind, of
from .parquet import WHOLE
from .part import JSON, TEXT, Part, Value

_REST = "the rest of a record: only that it is there"
_CONSTANT = "a value of the dataset's own: only that it is there"
_FLOATS = ("FLOAT", "DOUBLE")
_ZONED = "TIMESTAMP WITH TIME ZONE"
_TIMES = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S")
# What DuckDB makes of a type's values for a kind of column is what the loader and PostgreSQL make of it.
_ALIKE = {
    "text": {"VARCHAR", "UUID", *WHOLE},
    "whole number": {"VARCHAR", *WHOLE},
    "number": {"VARCHAR", *_FLOATS, *WHOLE},
    "decimal": {"VARCHAR", *WHOLE},
    "truth": {"VARCHAR", "BOOLEAN"},
    "date": {"VARCHAR", "DATE"},
    "time": {"VARCHAR", *_TIMES, _ZONED},
    "bytes": {"BLOB"},
    "any": set(),
}


_WEIGHTS = (1, 1, 31, 37)  # of four columns


@dataclass(frozen=True)
class Followed:
    """A column as it is compared: its kind in both, what a source has there, and why it is not more."""

    kind: Kind
    sql: str
    why_not: str = ""


def follow(column: Column, kind: Kind, part: Part) -> Followed:
    """Return how a column is compared with what one source has.

    Args:
        column: the column and its paths.
        kind: what the table's column is.
        part: the source.
    """
    if column.is_rest:
        return Followed(PRESENT, "true", _REST)
    if column.is_constant:
        return Followed(PRESENT, "true", _CONSTANT)
    found = [part.values[path] for path in column.paths if path in part.values]
    if not found:
        return Followed(PRESENT, "NULL")
    followed = [_of_one(kind, value) for value in found]
    worst = next((one for one in followed if one.why_not), followed[0])
    if any(one.kind is not followed[0].kind for one in followed) and not worst.why_not:
        return Followed(PRESENT, _first(found), "its paths have different types")
    texts = [one.sql for one in followed]
    return Followed(
        worst.kind, texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})", worst.why_not
    )


def _first(values: Sequence[Value]) -> str:
    return "coalesce(" + ", ".join(f"CAST({value.sql} AS VARCHAR)" for value in values) + ")"


def _of_one(kind: Kind, value: Value) -> Followed:
    """Return how one value is compared; of one that is not, whether it is NULL."""
    only = Followed(PRESENT, f"CAST({value.sql} AS VARCHAR)")
    if value.why_not:
        return Followed(PRESENT, value.sql, value.why_not)
    if kind is PRESENT:
        return Followed(PRESENT, only.sql, "values of its type are written in more than one way")
    if value.given in (TEXT, JSON):
        if kind is BYTES:
            return Followed(PRESENT, only.sql, "bytes are written as a text")
        return Followed(kind, value.sql)
    return _of_typed(kind, value, only.sql)


def _of_typed(kind: Kind, value: Value, text: str) -> Followed:
    given = value.given
    if kind.name == "decimal" and given in _FLOATS:  # by the digits that a double is written with
        return Followed(kind, f"CAST(CAST({value.sql} AS DOUBLE) AS VARCHAR)")
    decimal = kind.name == "decimal" and given.startswith("DECIMAL(")
    zoned = kind is TIMESTAMP and given == _ZONED
    if zoned or not (decimal or given in _ALIKE[kind.name]):
        return Followed(PRESENT, text, f"{given} becomes a {kind.name} in more than one way")
    return Followed(kind, text if kind.texts and given != "VARCHAR" else value.sql)


@dataclass(frozen=True)
class Statement:
    """What DuckDB is asked of a table's sources.

    The answer has rows, rows that may be none, the figure of whole rows, then of each of the ``columns`` an
    array: how many are not NULL, of how many the value was made, and its kind's figures.
    """

    sql: str
    columns: Mapping[str, Followed]


def statement(
    table: Table, kinds: Mapping[str, Kind], parts: Sequence[Part], *, left_out: bool = False
) -> Statement:
    """Return the statement.

    Args:
        table: the table; all its columns have a kind.
        kinds: what the table's columns are.
        parts: its sources.
        left_out: whether rows of its sources are not in the table.
    """
    each = [[follow(column, kinds[column.name], part) for column in table.columns] for part in parts]
    columns = {}
    for at, column in enumerate(table.columns):
        of_column = [one[at] for one in each]
        told = [one for one in of_column if one.sql != "NULL"] or of_column[:1]
        if any(one.kind is not told[0].kind for one in told):
            told = [Followed(PRESENT, "", "its sources have different types")]
        columns[column.name] = next((one for one in told if one.why_not), told[0])
    rows = " UNION ALL ".join(
        _rows(part, [_raw(followed.sql, one) for followed, one in zip(own, columns.values())])
        for part, own in zip(parts, each)
    )
    made = ", ".join(
        f"c{at}, {of(one.kind.source, f'c{at}')} AS t{at}" for at, one in enumerate(columns.values())
    )
    figures = ", ".join(
        _figures(one.kind.asked(left_out=left_out), f"c{at}", f"t{at}")
        for at, one in enumerate(columns.values())
    )
    measures = [
        of(one.kind.measure[1], f"t{at}") if one.kind.measure[1] else ""
        for at, one in enumerate(columns.values())
    ]
    whole = whole_rows(measures)
    sql = (
        f"WITH records AS ({rows}), made AS (SELECT perhaps, {made} FROM records) "  # noqa: S608 - quoted
        f"SELECT count(*), count(*) FILTER (WHERE perhaps), CAST({whole} AS VARCHAR), {figures} FROM made"
    )
    return Statement(sql, columns)


def whole_rows(measures: Sequence[str]) -> str:
    """Return the figure of whole rows: another one where a column's values stand in other rows.

    Of each row the sum of the first and third measure is multiplied by that of the second and fourth. More
    would cost as much as all other figures.

    Args:
        measures: of each column a whole number, NULL where the value is; empty: it takes no part.
    """
    weighted = [
        f"CAST(coalesce({measure}, 7) % 4096 AS bigint) * {weight}"
        for measure, weight in zip(filter(None, measures), _WEIGHTS)
    ]
    if not weighted[1:]:
        return "NULL"
    return f"sum(({' + '.join(weighted[::2])}) * ({' + '.join(weighted[1::2])}))"


def _raw(sql: str, column: Followed) -> str:
    """Return a value as all sources give it: as a text, where it is only counted."""
    return f"CAST({sql} AS VARCHAR)" if column.kind is PRESENT else sql


def _rows(part: Part, values: Sequence[str]) -> str:
    named = "".join(f", {value} AS c{at}" for at, value in enumerate(values))
    condition = f" WHERE {part.condition}" if part.condition else ""
    return f"SELECT {part.perhaps or 'false'} AS perhaps{named} FROM {part.relation}{condition}"  # noqa: S608


def _figures(figures: Mapping[str, Figure], raw: str, made: str) -> str:
    found = [f"count({raw})", f"count({made})", *(of(one.source, made) for one in figures.values())]
    return "[" + ", ".join(f"CAST({one} AS VARCHAR)" for one in found) + "]"
