"""CSV and TSV, as DuckDB reads them: every field a text, by its place."""

from __future__ import annotations

import codecs

from ..dataset.model import Condition, Table
from ..sources.reading import Dialect
from .part import LOOSE, PASSING, TEXT, NotFollowedError, Opened, Part, Value, Wanted, options, quoted

_ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "iso8859-1": "latin-1", "utf-16": "utf-16"}
_NOTHING = "\x01"  # a text for NULL that no field is


def delimited_part(table: Table, opened: Opened) -> Part:
    """Return what DuckDB is asked of a file of fields.

    Raises:
        NotFollowedError: the dialect is none of DuckDB's.
    """
    dialect, fields = table.reading.dialect, opened.fields
    encoding = _ENCODINGS.get(codecs.lookup(table.reading.encoding).name)
    if encoding is None:
        raise NotFollowedError(f"DuckDB does not read `encoding: {table.reading.encoding}`")
    if not (dialect.quote + dialect.escape).isascii():
        raise NotFollowedError("DuckDB takes only ASCII as `quote:` and `escape:`")
    columns = [f"c{at}" for at in range(len(fields))]

    def relation(skip: int) -> str:
        arguments = options(
            auto_detect=False,
            header=False,
            skip=skip,
            delim=quoted(dialect.delimiter),
            quote=quoted(dialect.quote),
            escape=quoted(dialect.escape or dialect.quote),
            nullstr=quoted(_NOTHING if dialect.null else ""),
            encoding=quoted(encoding),
            compression=quoted(opened.packing),
            columns="{" + ", ".join(f"{name}: 'VARCHAR'" for name in columns) + "}",
            strict_mode=opened.mode != LOOSE,
            ignore_errors=opened.mode == PASSING,
        )
        return f"read_csv({quoted(str(opened.link))}, {arguments})"

    at_path = {name: Value(_value(column, dialect), TEXT) for name, column in zip(fields, columns)}
    wanted = Wanted.of(table)
    tests = [_test(condition, at_path[condition.path]) for condition in table.where]
    head = None
    if dialect.header and not dialect.names:
        head = (f"SELECT {', '.join(columns)} FROM {relation(dialect.skip)} LIMIT 1", fields)  # noqa: S608 - quoted
    return Part(
        relation=relation(dialect.skip + dialect.header),
        values={path: at_path[path] for path in wanted.columns if path in at_path},
        condition=" AND ".join(tests),
        perhaps="coalesce(c0, '') = ''" if len(fields) == 1 else "",  # an empty line
        head=head,
    )


def _value(column: str, dialect: Dialect) -> str:
    return f"NULLIF({column}, {quoted(dialect.null)})" if dialect.null else column


def _test(condition: Condition, value: Value) -> str:
    """Return the condition that the field is one of the values."""
    tests = [
        f"{value.sql} IS NULL" if one is None else f"{value.sql} = {quoted(str(one))}"
        for one in condition.values
        if one is None or isinstance(one, str)  # a field is never anything else
    ]
    return f"({' OR '.join(tests) or 'false'})"
