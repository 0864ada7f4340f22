"""The sum of rows of CSV as they are sent, in the form in which the server will give them back.

Where a block is written as the server writes it, its lines are the rows. What it would write in another way
(needless quotes, numbers such as 1.0) is brought into the form on the way: that block by its fields.
"""

from __future__ import annotations

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
_T = {b"T"}
_OF_T = slice(-9, -8)  # in a time that ends with seconds


def summed(sums: AsSent | None, sent: Iterable[Sent]) -> Iterator[Sent]:
    """Yield what is sent, and sum it up, where it is to be.

    Raises:
        BadRowsError, IrregularError: as ``AsSent.add``.
    """
    try:
        for one in sent:
            if sums and one.data:
                sums.add(one.data)
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
        ends = {self._end(at) for at, column in enumerate(form.columns) if column.type == DOUBLE}
        self._other_numbers = [b".0" + end for end in ends]
        self._zulu = [(b"Z" + self._end(at), b"+00" + self._end(at)) for at in form.zulu]

    def add(self, data: bytes) -> None:
        """Add whole rows, which end with a line end.

        Raises:
            BadRowsError: the server would refuse one.
            IrregularError: they are no rows of the table.
        """
        rows = self._as_they_are(data) if self._form.as_they_are else None
        self.content.add(self._in_form(data) if rows is None else rows)

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

    def _as_they_are(self, data: bytes) -> list[bytes] | None:
        """Return the rows as the data have them; None where the server writes them in another way."""
        text, broken = data, False
        if self._quote in data:
            pieces = data.split(self._quote)
            inside = pieces[1::2]
            if not self._forced and self._has_needless(pieces):
                return None
            if b"\r" in data and any(b"\r" in piece for piece in inside):
                return None
            broken = any(b"\n" in piece for piece in inside)
            if broken:
                if b"\0" in data:  # which no row has; here it stands for line ends in quotes
                    return None
                pieces[1::2] = [piece.replace(b"\n", b"\0") for piece in inside]
                text = self._quote.join(pieces)
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
        if any(number in text for number in self._other_numbers):
            return None
        for sent, written in self._zulu:
            *times, rest = text.split(sent)
            if times and {time[_OF_T] for time in times} != _T:
                return None
            text = b"".join([time[:-9] + b" " + time[-8:] + written for time in times]) + rest
        rows = text.splitlines(keepends=True)
        if broken:
            rows = [row.replace(b"\0", b"\n") if b"\0" in row else row for row in rows]
        return rows

    def _has_needless(self, pieces: Sequence[bytes]) -> bool:
        """Return whether a field stands in quotes without a delimiter, a quote or a line end in it."""
        last = len(pieces) - 1
        return any(
            self._delimiter not in pieces[at]
            and b"\n" not in pieces[at]
            and (at == 1 or pieces[at - 1])
            and (at + 1 == last or pieces[at + 1])
            for at in range(1, last, 2)
        )

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
        special = (dialect.delimiter, dialect.quote, "\\")
        if not column.quoted and not any(each in text for each in special) and dialect.null not in fields:
            return fields
        return [self._value(field, quoted=column.quoted) for field in fields]

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
