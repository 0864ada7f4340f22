"""The content of rows as one number, the same for what was sent and what is there: a sum of hashes.

Each row is hashed as the line that PostgreSQL itself would write for it. Texts and whole numbers are sent in
that form already; double precision is compared by its bits; every other value (dates, jsonb, numerics,
arrays, types of extensions) is cast by the server, apart from the table: two ways to write a date are one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Callable

import psycopg2
from psycopg2 import sql

from ..postgres.dsn import Connection
from .copy_text import NULL, escaped, unescaped
from .rows import Batch, Feed

_AS_SENT = {"text", "character varying", "json"}
_WHOLE = {"smallint", "integer", "bigint"}
_DOUBLE = "double precision"
_TRUTH = {"true": "t", "false": "f", "t": "t", "f": "f"}
_SEPARATOR = "\x01\x1f\x01"
_UNCASTABLE = "\\?"  # no line of PostgreSQL's has it, so such a row is never taken for another
_DIGITS = 16  # of a double's bits
_all_whole = re.compile(r"(?:(?:-?[1-9][0-9]*|0|\\N)\n)*").fullmatch
_all_decimal = re.compile(r"(?:[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\n)*").fullmatch
_CONTROL = ((b"\b", b"\\b"), (b"\f", b"\\f"), (b"\v", b"\\v"))  # as COPY writes them; it reads them raw, too

_Render = Callable[[Sequence[str]], Sequence[str]]


@dataclass
class ContentSum:
    """An order-independent sum of one hash per row; psycopg2 writes COPY's lines into it one by one."""

    rows: int = 0
    total: int = 0

    def add(self, lines: Sequence[bytes]) -> None:
        """Add rows."""
        self.rows += len(lines)
        self.total = (self.total + sum(map(line_hash, lines))) & _MASK

    def write(self, line: bytes) -> int:
        """Add one line of COPY, its end included."""
        self.rows += 1
        self.total = (self.total + line_hash(line[:-1])) & _MASK
        return len(line)


_MASK = (1 << 128) - 1


def line_hash(line: bytes) -> int:
    """Return the hash of a row's line, 128 bits."""
    return int.from_bytes(blake2b(line, digest_size=16).digest(), "little")


def table_columns(feed: Feed, alias: str = "") -> sql.Composable:
    """Return the loaded columns as a query selects them (from that alias) to get canonical lines."""
    qualified = [alias] if alias else []
    columns = [sql.Identifier(*qualified, column.name) for column in feed.table.columns]
    types = [feed.shape.columns[column.name].type for column in feed.table.columns]
    double = sql.SQL("encode(float8send({}), 'hex')")
    return sql.SQL(", ").join(
        double.format(name) if type_ == _DOUBLE else name for name, type_ in zip(columns, types)
    )


def table_sum(connection: Connection, feed: Feed) -> ContentSum:
    """Return the sum of the rows that are in the table."""
    only = sql.SQL("" if feed.shape.partitioned else "ONLY ")
    query = sql.SQL("COPY (SELECT {columns} FROM {only}{table}) TO STDOUT").format(
        columns=table_columns(feed), only=only, table=feed.shape.identifier
    )
    found = ContentSum()
    with connection.cursor() as cursor:
        cursor.copy_expert(query.as_string(connection), found)
    return found


class UncastableError(Exception):
    """A value is not of its column's type: the table will refuse it, too."""


class Canonical:
    """Makes the canonical lines of rows that are sent; ``connection`` is one of its own, in autocommit.

    ``lenient`` gives a row that the table would refuse a line that no table has, instead of an error.
    """

    def __init__(self, connection: Connection, feed: Feed, *, lenient: bool = False) -> None:
        self._connection = connection
        self._lenient = lenient
        types = [feed.shape.columns[column.name].type for column in feed.table.columns]
        self._renders = {at: self._render(type_) for at, type_ in enumerate(types) if type_ not in _AS_SENT}

    def lines(self, batch: Batch) -> list[bytes]:
        """Return one line for each row of the batch, in its order.

        Raises:
            UncastableError: the table would refuse a row.
        """
        data = batch.data
        if not batch.rows:
            return []
        if self._renders:
            columns: list[Sequence[str]] = list(zip(*[row.fields for row in batch.rows]))
            for at, render in self._renders.items():
                columns[at] = render(columns[at])
            data = ("\n".join(["\t".join(fields) for fields in zip(*columns)]) + "\n").encode("utf-8")
        for raw, written in _CONTROL:
            if raw in data:
                data = data.replace(raw, written)
        return data[:-1].split(b"\n")

    def _render(self, type_: str) -> _Render:
        if type_ in _WHOLE:
            return lambda fields: (
                fields if _all_whole("\n".join(fields) + "\n") else self._rendered(fields, type_)
            )
        if type_ == _DOUBLE:
            return lambda fields: (
                _bits(fields) if _all_decimal("\n".join(fields) + "\n") else self._rendered(fields, type_)
            )
        return lambda fields: self._rendered(fields, type_)

    def _rendered(self, fields: Sequence[str], type_: str) -> Sequence[str]:
        """Return the fields in the form that the server writes, each value asked for once."""
        found = dict.fromkeys(fields, NULL)
        unknown = [field for field in found if field != NULL]
        if type_ == "boolean":
            found.update((field, _TRUTH[field]) for field in unknown if field in _TRUTH)
            unknown = [field for field in unknown if field not in _TRUTH]
        if unknown:
            found.update(zip(unknown, self._asked(unknown, type_)))
        return [found[field] for field in fields]

    def _asked(self, fields: Sequence[str], type_: str) -> Iterator[str]:
        """Yield the fields as the server writes them once they are of the type."""
        form = "encode(float8send(v::{type}), 'hex')" if type_ == _DOUBLE else "concat(v::{type})"
        values_ = "unnest((string_to_array(%s, %s))[2:]) WITH ORDINALITY AS u (v, at)"
        query = sql.SQL(f"SELECT {form} FROM {values_} ORDER BY at").format(type=sql.SQL(type_))  # noqa: S608
        values = [unescaped(field) for field in fields]
        for form_ in self._cast(query, values):
            yield _UNCASTABLE if form_ is None else escaped(form_)

    def _cast(self, query: sql.Composable, values: Sequence[str]) -> list[str | None]:
        text = _SEPARATOR.join(["", *values])
        if text.count(_SEPARATOR) == len(values):
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(query, (text, _SEPARATOR))
                    return [form for (form,) in cursor.fetchall()]
            except (psycopg2.DataError, psycopg2.IntegrityError) as error:
                if not self._lenient:
                    raise UncastableError from error
                # which one of them is not of the type is found below
        if len(values) == 1:
            return [None]
        half = len(values) // 2
        return [*self._cast(query, values[:half]), *self._cast(query, values[half:])]


def _bits(fields: Sequence[str]) -> Sequence[str]:
    bits = struct.pack(f">{len(fields)}d", *map(float, fields)).hex()
    return [bits[at : at + _DIGITS] for at in range(0, len(bits), _DIGITS)]
