"""Rows that are sent as the lines that PostgreSQL itself would write for them, so that both can be compared.

Texts and whole numbers are sent in that form already; double precision is compared by its bits; every other
value (dates, jsonb, numerics, arrays, types of extensions) is cast by the server, apart from the table: two
ways to write a date are one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from typing import Callable

import psycopg2
from psycopg2 import sql

from ..postgres.dsn import Connection
from .content_sum import Form
from .copy_text import NULL, escaped, unescaped
from .rows import Batch, Feed
from .text_forms import DOUBLE, TIMES, Told, double_bits, written_form, written_times

_AS_SENT = {"text", "character varying", "json"}
_TRUTH = {"true": "t", "false": "f", "t": "t", "f": "f"}
_SEPARATOR = "\x01\x1f\x01"
_UNCASTABLE = "\\?"  # no line of PostgreSQL's has it, so such a row is never taken for another
_CONTROL = ((b"\b", b"\\b"), (b"\f", b"\\f"), (b"\v", b"\\v"))  # as COPY writes them; it reads them raw, too

_Render = Callable[[Sequence[str]], Sequence[str]]


def line_hash(line: bytes) -> int:
    """Return a hash by which a row is found again, 128 bits."""
    return int.from_bytes(blake2b(line, digest_size=16).digest(), "little")


def table_columns(feed: Feed, alias: str = "") -> sql.Composable:
    """Return the loaded columns as a query selects them (from that alias) to get canonical lines."""
    qualified = [alias] if alias else []
    columns = [sql.Identifier(*qualified, column.name) for column in feed.table.columns]
    double = sql.SQL("encode(float8send({}), 'hex')")
    return sql.SQL(", ").join(
        double.format(name) if type_ == DOUBLE else name for name, type_ in zip(columns, loaded_types(feed))
    )


def canonical_form(feed: Feed) -> Form:
    """Return how COPY gives rows back in this form."""
    return Form(table_columns(feed), sql.SQL("FORMAT text"))


class UncastableError(Exception):
    """A value is not of its column's type: the table will refuse it, too."""


class Canonical:
    """Makes the canonical lines of rows that are sent; ``connection`` is one of its own, in autocommit.

    ``types`` are those of the columns; doubles of the columns ``as_text`` are written, not shown by their
    bits. ``lenient`` gives a row that the table would refuse a line that no table has, instead of an error.
    """

    def __init__(
        self,
        connection: Connection,
        types: Sequence[str],
        *,
        as_text: Collection[int] = (),
        lenient: bool = False,
    ) -> None:
        self._connection = connection
        self._lenient = lenient
        self._renders = {
            at: self._render(type_, bits=at not in as_text)
            for at, type_ in enumerate(types)
            if type_ not in _AS_SENT
        }

    def lines(self, batch: Batch) -> list[bytes]:
        """Return one line for each row of the batch, in its order.

        Raises:
            UncastableError: the table would refuse a row.
        """
        if not batch.rows:
            return []
        if not self._renders:
            return _written(batch.data)
        return self.lines_of(list(zip(*[row.fields for row in batch.rows])))

    def lines_of(self, columns: Sequence[Sequence[str]]) -> list[bytes]:
        """Return one line for each row, given by the columns that are loaded, as COPY reads them.

        Raises:
            UncastableError: the table would refuse a row.
        """
        rendered = self.fields_of(columns)
        return _written(("\n".join(map("\t".join, zip(*rendered))) + "\n").encode("utf-8"))

    def fields_of(self, columns: Sequence[Sequence[str]]) -> list[Sequence[str]]:
        """Return columns in the form that the server writes; both as COPY reads them.

        Raises:
            UncastableError: the table would refuse a row.
        """
        return [
            self._renders[at](fields) if at in self._renders else fields for at, fields in enumerate(columns)
        ]

    def _render(self, type_: str, *, bits: bool) -> _Render:
        if type_ == DOUBLE and bits:
            return lambda fields: double_bits(fields) or self._rendered(fields, type_, bits=True)
        zone = self._connection.get_parameter_status("TimeZone")
        told = written_form(type_, zone)
        if told is None:
            return lambda fields: self._rendered(fields, type_)
        if type_ in TIMES:
            return lambda fields: written_times(fields, type_, told) or self._rendered(fields, type_)
        return lambda fields: fields if told("\n".join(fields)) else self._rendered(fields, type_, told)

    def _rendered(
        self, fields: Sequence[str], type_: str, told: Told | None = None, *, bits: bool = False
    ) -> Sequence[str]:
        """Return the fields in the form that the server writes; each value that is not is asked for once."""
        found = dict.fromkeys(fields, NULL)
        unknown = [field for field in found if field != NULL]
        if type_ == "boolean":
            found.update((field, _TRUTH[field]) for field in unknown if field in _TRUTH)
            unknown = [field for field in unknown if field not in _TRUTH]
        elif told:
            found.update((field, field) for field in unknown if told(field))
            unknown = [field for field in unknown if not told(field)]
        if unknown:
            found.update(zip(unknown, self._asked(unknown, type_, bits=bits)))
        return [found[field] for field in fields]

    def _asked(self, fields: Sequence[str], type_: str, *, bits: bool) -> Iterator[str]:
        """Yield the fields as the server writes them once they are of the type."""
        form = "encode(float8send(v::{type}), 'hex')" if bits else "concat(v::{type})"
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


def loaded_types(feed: Feed) -> list[str]:
    """Return the types of the columns that are loaded."""
    return [feed.shape.columns[column.name].type for column in feed.table.columns]


def _written(data: bytes) -> list[bytes]:
    """Return the lines of rows, with those characters escaped that COPY escapes when it writes."""
    for raw, written in _CONTROL:
        if raw in data:
            data = data.replace(raw, written)
    return data.splitlines(keepends=True)  # a CR is escaped
