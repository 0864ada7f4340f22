"""JSON lines with values left as they are written: a JSON string without a backslash is a field of CSV, too.

msgspec finds where each value begins and ends and proves that the line is JSON; PostgreSQL reads the values.
Only texts with a backslash and values for jsonb are looked at one by one.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import Any, Callable

from psycopg2 import sql

from ...dataset.model import REST
from ...sources.blocks import IrregularError, read_line_blocks
from ...sources.optional import library_if_there
from ...sources.ranges import share_files
from ...sources.source import Source
from ..catalog import ARRAY, JSON
from ..content_sum import ContentSum, Form
from ..rows import Feed
from .as_sent import AsSent, summed
from .model import Sent, Summing, single_paths
from .sent_form import Dialect, first_form

_NULL = b"null"
# What follows a backslash, and what both are in a field of CSV; another backslash is none of these.
_SIMPLE = {b'"': b'""', b"n": b"\n", b"t": b"\t", b"r": b"\r", b"/": b"/"}
_DIALECT = Dialect(",", '"', "null", quoted_null=False)


class JsonLinesCopy:
    """Lines of JSON objects whose top-level keys are columns."""

    filtered = 0

    def __init__(self, feed: Feed, msgspec: Any, summing: Summing) -> None:  # noqa: ANN401 - a module that may not be there
        columns = feed.table.columns
        self.columns = tuple(column.name for column in columns)
        self._feed = feed
        self._errors = (msgspec.MsgspecError, RecursionError)
        self._text = msgspec.json.Decoder(str).decode
        self._absent = msgspec.Raw(_NULL)
        keys = [column.paths[0] for column in columns]
        if REST in keys:
            self._tuples = self._with_rest(msgspec, keys)
        else:
            self._tuples = self._without_rest(msgspec, keys)
        kinds = [feed.shape.columns[column.name].kind for column in columns]
        self._json = [at for at, kind in enumerate(kinds) if kind == JSON]
        self._plain = [kind != JSON for kind in kinds]
        self._rest = keys.index(REST) if REST in keys else -1
        self._unmet = {
            at for at, column in enumerate(columns) if not column.optional and not column.is_rest
        }  # fmt: skip
        first = (self._rows(lines).data for lines in self._lines(feed.files))
        self._form = first_form(feed, self.columns, _DIALECT, summing, first, quotes_texts=True)
        self._sums = AsSent(self._form, summing.dsn) if summing.dsn else None

    @property
    def options(self) -> sql.Composable:
        """CSV in which a bare null is NULL, and a quoted one a text."""
        return sql.SQL("FORMAT csv, NULL 'null'")

    @property
    def unmet(self) -> frozenset[str]:
        """The columns whose key no record had."""
        return frozenset(self.columns[at] for at in self._unmet)

    @property
    def content(self) -> ContentSum | None:
        """The sum of the rows sent so far."""
        return self._sums.content if self._sums else None

    @property
    def form(self) -> Form:
        """How the server gives rows back as they were summed up."""
        return self._form.form

    def sent(self, files: Sequence[Source]) -> Iterator[Sent]:
        """Yield the files' rows."""
        return summed(self._sums, map(self._rows, self._lines(files)))

    def shares(self, streams: int) -> list[tuple[Source, ...]] | None:
        """Return ranges of files that are neither packed nor in another encoding than the server's."""
        if codecs.lookup(self._feed.table.reading.encoding).name != "utf-8":
            return None
        return share_files(self._feed.files, "", streams)

    def handed(self) -> Iterator[Sent]:
        """Yield the files' lines; who decodes them counts them."""
        return (Sent(lines, 0) for lines in self._lines(self._feed.files))

    def received(self, pipe: Source) -> Iterator[Sent]:
        """Yield the rows of lines that were handed over."""
        return self.sent((pipe,))

    def _lines(self, files: Sequence[Source]) -> Iterator[bytes]:
        for file in files:
            yield from read_line_blocks(file, self._feed.table.reading)

    def _rows(self, lines: bytes) -> Sent:
        try:
            lines.decode("utf-8")
            tuples = self._tuples(lines)
        except (UnicodeDecodeError, *self._errors) as error:
            raise IrregularError from error
        if len(tuples) != lines.count(b"\n") + (not lines.endswith(b"\n")):
            _refuse_many_a_line(lines, len(tuples))
        if not tuples:
            return Sent(b"", 0)
        for at in list(self._unmet):
            if any(row[at] is not self._absent for row in tuples):
                self._unmet.remove(at)
        rows = list(map(b",".join, tuples))
        data = b"\n".join(rows) + b"\n"
        if self._json or b"{" in data or b"[" in data:
            tuples = self._nested(tuples, lines.count(b"{") + lines.count(b"[") - len(tuples))
            rows = list(map(b",".join, tuples))
            data = b"\n".join(rows) + b"\n"
        if b"\\" in data:
            pieces = data.split(b"\\")
            if not self._json and all(piece[:1] in _SIMPLE for piece in pieces[1:]):
                data = b"".join([pieces[0], *[_SIMPLE[piece[:1]] + piece[1:] for piece in pieces[1:]]])
            else:
                for at in _lines_with_backslash(data):
                    rows[at] = b",".join(map(self._unescaped, self._plain, tuples[at]))
                data = b"\n".join(rows) + b"\n"
        return Sent(data, len(rows))

    def _nested(self, tuples: Sequence[tuple[Any, ...]], braces: int) -> list[tuple[Any, ...]]:
        """Return the rows with the values of jsonb as CSV has them; refuse objects and arrays elsewhere.

        ``braces`` are those of the lines without the records' own: all must be in the values of jsonb.
        """
        columns: list[Sequence[Any]] = list(zip(*tuples))
        for at in self._json:
            values = b"\n".join(columns[at])
            braces -= values.count(b"{") + values.count(b"[") - (len(tuples) if at == self._rest else 0)
            quoted = b'"' + values.replace(b'"', b'""').replace(b"\n", b'"\n"') + b'"'
            columns[at] = [_NULL if value == b'"null"' else value for value in quoted.split(b"\n")]
        if braces:  # in texts, in keys that are passed over, or where a column takes one value
            for at, plain in enumerate(self._plain):
                values = b"\n" + b"\n".join(columns[at])
                if plain and (b"\n{" in values or b"\n[" in values):
                    raise IrregularError
        return list(zip(*columns))

    def _unescaped(self, plain: bool, value: Any) -> bytes:  # noqa: ANN401 - msgspec's view
        """Return a value with its escapes resolved; those of jsonb keep them."""
        raw = bytes(value)
        if not plain or b"\\" not in raw:
            return raw
        try:
            text: bytes = self._text(raw).encode("utf-8").replace(b'"', b'""')
        except (UnicodeEncodeError, *self._errors) as error:
            raise IrregularError from error
        if b"\n\\." in text:  # ends the data, for a server before PostgreSQL 18
            raise IrregularError
        return b'"' + text + b'"'

    def _without_rest(self, msgspec: Any, keys: Sequence[str]) -> Callable[[bytes], list[tuple[Any, ...]]]:  # noqa: ANN401
        """Return what decodes lines to the values of these keys; others are passed over."""
        fields = [
            (f"f{at}", msgspec.Raw, msgspec.field(default=self._absent, name=key))
            for at, key in enumerate(keys)
        ]
        record = msgspec.defstruct("Record", fields, gc=False, frozen=True)
        decode, values = msgspec.json.Decoder(record).decode_lines, msgspec.structs.astuple
        return lambda lines: list(map(values, decode(lines)))

    def _with_rest(self, msgspec: Any, keys: Sequence[str]) -> Callable[[bytes], list[tuple[Any, ...]]]:  # noqa: ANN401
        """Return the same, with the record's other keys as an object where the rest goes."""
        decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode_lines
        encode, absent, rest = msgspec.json.Encoder().encode, self._absent, keys.index(REST)
        whole = [key for key in keys if key != REST]

        def tuples(lines: bytes) -> list[tuple[Any, ...]]:
            found = []
            for record in decode(lines):
                values = [record.pop(key, absent) for key in whole]
                values.insert(rest, encode(record))
                found.append(tuple(values))
            return found

        return tuples


def copy_json_lines(feed: Feed, summing: Summing) -> JsonLinesCopy | None:
    """Return the way for a table whose columns are top-level keys; else, or without msgspec, None."""
    msgspec = library_if_there("msgspec")
    paths = single_paths(feed)
    reading = feed.table.reading
    if msgspec is None or paths is None or reading.format != "jsonl" or reading.unique_keys:
        return None
    if any(path != REST and "." in path for path in paths.values()):
        return None
    shapes = [feed.shape.columns[name] for name in paths]
    if any(shape.kind == ARRAY or shape.type == "json" for shape in shapes):  # json keeps its spaces
        return None
    return JsonLinesCopy(feed, msgspec, summing)


def _lines_with_backslash(data: bytes) -> Iterator[int]:
    """Yield the numbers of the lines that have one, from 0."""
    at = line = 0
    while (found := data.find(b"\\", at)) >= 0:
        line += data.count(b"\n", at, found)
        yield line
        at = data.find(b"\n", found)


def _refuse_many_a_line(lines: bytes, records: int) -> None:
    """Pass over empty lines; refuse lines that hold more than an object."""
    if sum(1 for line in lines.split(b"\n") if line.strip()) != records:
        raise IrregularError
