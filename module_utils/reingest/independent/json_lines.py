"""JSON lines, as DuckDB reads them: the keys that are needed, as texts; where one looks inside, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dataset.model import ELEMENT, Condition, Table
from .part import (
    JSON,
    PASSING,
    NotFollowedError,
    Opened,
    Part,
    Value,
    Wanted,
    keys_of,
    named,
    options,
    quoted,
)

_LONGEST = 16 << 20  # bytes of a record that DuckDB has room for
_NO_KEY = "\x01"
_ELEMENT = "\x01element"  # no key is called so
_NUMBERS = "('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')"


def json_part(table: Table, opened: Opened, *, typed: bool = False) -> Part:
    """Return what DuckDB is asked of a file with a JSON object a line.

    Args:
        table: the table.
        opened: the file.
        typed: read all as JSON, so that the type of each value is known, which costs more.

    Raises:
        NotFollowedError: two keys differ only by case, one cannot be named, or the encoding is another one.
    """
    if table.reading.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        raise NotFollowedError(f"DuckDB reads no JSON with `encoding: {table.reading.encoding}`")
    wanted = Wanted.of(table)
    each = keys_of(table.each)
    paths = {path: json_keys(path) for path in (*wanted.columns, *wanted.conditions)}
    inside = {keys[0] for path, keys in paths.items() if typed or len(keys) > 1 or path in wanted.conditions}
    inside |= {_ELEMENT, *each[:1]}
    tops = list(dict.fromkeys([*each[:1], *(keys[0] for keys in paths.values() if keys[0] != _ELEMENT)]))
    if len({top.lower() for top in tops}) < len(tops):
        raise NotFollowedError("DuckDB does not tell keys apart that differ only by case")
    kinds = ", ".join(f"{quoted(top)}: '{'JSON' if top in inside else 'VARCHAR'}'" for top in tops)
    arguments = options(
        format="'newline_delimited'",
        columns="{" + (kinds or f"{quoted(_NO_KEY)}: 'VARCHAR'") + "}",
        compression=quoted(opened.packing),
        ignore_errors=opened.mode == PASSING,
        maximum_object_size=min(table.reading.longest, _LONGEST),
    )
    tests = [_test(condition, json_keys(condition.path)) for condition in table.where]
    relation = f"read_json({quoted(str(opened.link))}, {arguments})"
    return Part(
        relation=_elements(relation, each, opened.mode) if each else relation,
        values={path: Value(_text(paths[path], inside), JSON) for path in wanted.columns},
        condition=" AND ".join(tests),
    )


def json_keys(path: str) -> tuple[str, ...]:
    """Return the column of a path, and the keys to follow in it."""
    return (_ELEMENT, *keys_of(path)) if path.startswith(ELEMENT) else keys_of(path)


def _elements(relation: str, each: Sequence[str], mode: str) -> str:
    """Return the records once for each element of their array, with that beside them."""
    cast = "TRY_CAST" if mode == PASSING else "CAST"
    array = f"{cast}(json_extract({named(each[0])}, {_pointer(each)}) AS JSON[])"
    return f"(SELECT *, unnest({array}) AS {named(_ELEMENT)} FROM {relation})"  # noqa: S608 - quoted


def _text(keys: Sequence[str], inside: set[str]) -> str:
    if keys[0] not in inside:
        return named(keys[0])
    return f"json_extract_string({named(keys[0])}, {_pointer(keys)})"


def doubtful(keys: Sequence[str]) -> str:
    """Return what tells of a value, read as JSON, that its digits may not be those of the source."""
    return f"json_type(json_extract({named(keys[0])}, {_pointer(keys)})) = 'DOUBLE'"


def _pointer(keys: Sequence[str]) -> str:
    """Return where a value lies below the first key.

    Raises:
        NotFollowedError: a key has a quote, or is a number.
    """
    if any('"' in key for key in keys[1:]):
        raise NotFollowedError("DuckDB's paths have no keys with a quote")
    if any(key.isdecimal() for key in keys[1:]):
        raise NotFollowedError("a number in a path is an element or a key here, and only a key to DuckDB")
    return quoted("$" + "".join(f'."{key}"' for key in keys[1:]))


def _test(condition: Condition, keys: Sequence[str]) -> str:
    value = f"json_extract({named(keys[0])}, {_pointer(keys)})"
    return "(" + " OR ".join(_is(value, one) for one in condition.values) + ")"


def _is(value: str, wanted: Any) -> str:  # noqa: ANN401 - any value of YAML
    kind, text = f"json_type({value})", f"json_extract_string({value}, '$')"
    if wanted is None:
        return f"coalesce({kind}, 'NULL') = 'NULL'"
    if isinstance(wanted, bool):
        return f"({kind} = 'BOOLEAN' AND {text} = '{str(wanted).lower()}')"
    if isinstance(wanted, (int, float)):
        return f"({kind} IN {_NUMBERS} AND TRY_CAST({text} AS DOUBLE) = CAST('{wanted!r}' AS DOUBLE))"
    return f"({kind} = 'VARCHAR' AND {text} = {quoted(str(wanted))})"
