"""The sum of rows of CSV as they are sent, in the form in which the server will give them back.

Where a block is written as the server writes it, its lines are the rows. What it would write in another way
(needless quotes, numbers such as 1.0) is brought into the form on the way: that block by its fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...postgres.dsn import connect
from ..canonical import Canonical, UncastableError
from ..content_sum import ContentSum
from ..copy_rows import BadRowsError
from ..copy_text import NULL, unescaped
from ..text_forms import DOUBLE
from .model import Sent
from .sent_form import ColumnForm, SentForm

_TRUTHS = {"t": "true", "f": "false"}
_SECONDS = rb"T([0-2][0-9]:[0-5][0-9]:[0-5][0-9])Z"


def summed(sums: AsSent | None, sent: Iterable[Sent]) -> Iterator[Sent]:
    """Yield what is sent, and sum it up, where it is to be.

    Raises:
        BadRowsError, IrregularError: as ``AsSent.add``.
    """
    try:
        for one in sent:
            if sums and one.data:
                sums.add(one.data, one.rows)
            yield one
    finally:
        if sums:
            sums.close()


class AsSent:
    """Sums up rows. The connection that values are asked of is opened by the process that needs it."""

    def __init__(self, form: SentForm, dsn: str) -> None:
        self.content = ContentSum()
        self._form = form
        self._dsn = dsn
        self._connection: Any = None
        self._canonical: Canonical | None = None
        dialect = form.dialect
        self._quote, self._delimiter = dialect.quote.encode(), dialect.delimiter.encode()
        self._forced = any(column.quoted for column in form.columns)
        quote, delimiter = re.escape(self._quote), re.escape(self._delimiter)
        self._needless = re.compile(
            quote + b"[^" + quote + delimiter + b"\n]*" + quote + b"[" + delimiter + b"\r\n]"
        ).finditer
        doubles = {
            re.escape(self._end(at)) for at, column in enumerate(form.columns) if column.type == DOUBLE
        }
        self._other_number = re.compile(rb"\.0(?:" + b"|".join(doubles) + b")").search if doubles else None
        zulu = [self._end(at) for at in form.zulu]
        self._zulu = [(re.compile(_SECONDS + re.escape(end)).split, b"+00" + end) for end in zulu]

    def add(self, data: bytes, rows: int) -> None:
        """Add whole rows, which end with a line end; ``rows`` is their number, or 0 where nobody knows.

        Raises:
            BadRowsError: the server would refuse one.
            IrregularError: they are no rows of the table.
        """
        found = self._as_they_are(data, rows) if self._form.as_they_are else None
        self.content.add(self._in_form(data) if found is None else found)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = self._canonical = None

    def _end(self, at: int) -> bytes:
        """Return what follows a value of that column."""
        columns = self._form.columns
        return (self._quote if columns[at].quoted else b"") + (
            self._delimiter if at + 1 < len(columns) else b"\n"
        )

    def _as_they_are(self, data: bytes, rows: int) -> list[bytes] | None:
        """Return the rows as the data have them; None where the server writes them in another way."""
        text, broken = data, False
        if self._quote in data:
            if not self._forced and self._has_needless(data):
                return None
            if data.count(b"\n") != rows or b"\r" in data:
                pieces = data.split(self._quote)
                inside = b"".join(pieces[1::2])
                broken = b"\n" in inside
                if b"\r" in inside or (broken and b"\0" in data):  # which no row has
                    return None
                if broken:  # for a while NUL stands for line ends in quotes
                    pieces[1::2] = [piece.replace(b"\n", b"\0") for piece in pieces[1::2]]
                    text = self._quote.join(pieces)
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        if self._other_number and self._other_number(text):
            return None
        for split, zone in self._zulu:
            text = _with_zone(split(text), zone)
        found = text.splitlines(keepends=True)
        for row in _lines_with(b"\0", text) if broken else ():
            found.remove(row)
            found.append(row.replace(b"\0", b"\n"))
        return found

    def _has_needless(self, data: bytes) -> bool:
        """Return whether a field stands in quotes without a delimiter, a quote or a line end in it."""
        before = (b"", self._delimiter, b"\n")
        return any(data[match.start() - 1 : match.start()] in before for match in self._needless(data))

    def _in_form(self, data: bytes) -> list[bytes]:
        """Return the rows with every value as the server writes it."""
        form, dialect = self._form, self._form.dialect
        fields = dialect.fields(data, len(form.columns))
        if self._canonical is None:
            self._connection = connect(self._dsn, autocommit=True)
            plain = [at for at, column in enumerate(form.columns) if not column.bits]
            self._canonical = Canonical(
                self._connection, [column.type for column in form.columns], as_text=plain
            )
        try:
            written = self._canonical.fields_of(fields)
        except UncastableError as error:
            raise BadRowsError from error
        values = [self._values(column, each) for column, each in zip(form.columns, written)]
        return [(dialect.delimiter.join(row) + "\n").encode() for row in zip(*values)]

    def _values(self, column: ColumnForm, fields: Sequence[str]) -> Sequence[str]:
        """Return fields, as COPY reads them in text format, as it writes them in CSV."""
        dialect = self._form.dialect
        if column.truth:
            fields = [_TRUTHS.get(field, field) for field in fields]
        text = "".join(fields)
        special = (dialect.delimiter, dialect.quote, "\n", "\r")
        nulls = fields.count(NULL)
        if column.quoted or text.count("\\") != nulls or any(each in text for each in special):
            return [self._value(field, quoted=column.quoted) for field in fields]
        if dialect.null in fields:
            return [self._value(field, quoted=False) for field in fields]
        return [dialect.null if field == NULL else field for field in fields] if nulls else fields

    def _value(self, field: str, *, quoted: bool) -> str:
        dialect = self._form.dialect
        if field == NULL:
            return dialect.null
        text = unescaped(field)
        if quoted or text == dialect.null or any(
            each in text for each in (dialect.delimiter, dialect.quote, "\n", "\r")
        ):  # fmt: skip
            return dialect.quote + text.replace(dialect.quote, dialect.quote * 2) + dialect.quote
        return text


def _with_zone(pieces: Sequence[bytes], zone: bytes) -> bytes:
    """Return the text whose pieces are, by turns, what is between times and the time of a day."""
    times = len(pieces) // 2
    made = [b" "] * (4 * times + 1)
    made[0::4], made[2::4], made[3::4] = pieces[0::2], pieces[1::2], [zone] * times
    return b"".join(made)


def _lines_with(mark: bytes, text: bytes) -> Iterator[bytes]:
    """Yield the lines that have it."""
    end = 0
    while (found := text.find(mark, end)) >= 0:
        begin, end = text.rfind(b"\n", 0, found) + 1, text.find(b"\n", found) + 1
        yield text[begin:end]
