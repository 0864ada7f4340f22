"""Parquet, as DuckDB reads it: fields have types, and may be nested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..dataset.model import Condition, Table
from .part import NotFollowedError, Opened, Part, Value, Wanted, keys_of, named, quoted

Describe = Callable[[str], Mapping[str, str]]  # the names and types of what a query gives
WHOLE = frozenset(
    f"{sign}{name}" for sign in ("", "U") for name in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
)


def parquet_part(table: Table, opened: Opened, describe: Describe) -> Part:
    """Return what DuckDB is asked of a Parquet file.

    Raises:
        NotFollowedError: a condition is on a field of another type than its values.
    """
    relation = f"read_parquet({quoted(str(opened.link))})"
    there = describe(f"SELECT * FROM {relation}")  # noqa: S608 - quoted
    wanted = Wanted.of(table)
    values = {
        path: found
        for path in (*wanted.columns, *wanted.conditions)
        if (found := _value(relation, there, keys_of(path), describe)) is not None
    }
    tests = [_test(condition, values.get(condition.path)) for condition in table.where]
    return Part(relation, values, " AND ".join(tests))


def _value(relation: str, there: Mapping[str, str], keys: Sequence[str], describe: Describe) -> Value | None:
    """Return what is at a path; None where there is nothing."""
    if not keys or keys[0] not in there:
        return None
    if len(keys) == 1:
        return Value(named(keys[0]), there[keys[0]])
    sql = named(keys[0]) + "".join(f"[{quoted(key)}]" for key in keys[1:])
    if not there[keys[0]].startswith("STRUCT("):
        return Value("NULL", "VARCHAR", "DuckDB looks only into structs")
    types = describe(f"SELECT {sql} FROM {relation}")  # noqa: S608 - quoted
    return Value(sql, next(iter(types.values())))


def _test(condition: Condition, value: Value | None) -> str:
    tests = []
    for one in condition.values:
        if one is None:
            tests.append("true" if value is None else f"{value.sql} IS NULL")
        elif value is not None and _fits(one, value.given):
            tests.append(f"{value.sql} = {quoted(one) if isinstance(one, str) else repr(one).lower()}")
        elif value is not None and not _never(one, value.given):
            raise NotFollowedError(f"`where:` compares {condition.path}, of type {value.given}, with {one!r}")
    return f"({' OR '.join(tests) or 'false'})"


def _fits(value: Any, given: str) -> bool:  # noqa: ANN401 - any value of YAML
    if isinstance(value, bool):
        return given == "BOOLEAN"
    return given == "VARCHAR" if isinstance(value, str) else isinstance(value, int) and given in WHOLE


def _never(value: Any, given: str) -> bool:  # noqa: ANN401 - any value of YAML
    """Return whether no value of the type is the one: both are plain, and of different types."""
    plain = {"VARCHAR": str, "BOOLEAN": bool, **dict.fromkeys(WHOLE, int)}
    return given in plain and type(value) in (str, bool, int) and type(value) is not plain[given]
