"""The form in which the server gives rows of CSV back just as they were sent, told by the first of them.

Most columns are written by the server as they stand in the source, or can be asked for in that form. Where
the first rows say so, the bytes that are sent are what is compared. Whether later rows keep to it need not be
looked at: sums that are equal prove it, and where they are not, all values are brought into one form.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from psycopg2 import sql

from ...postgres.dsn import connect
from ...sources.blocks import IrregularError
from ..canonical import Canonical, UncastableError
from ..content_sum import Form
from ..copy_rows import BadRowsError
from ..copy_text import NULL
from ..rows import Feed
from ..text_forms import DOUBLE
from .fields import fields_by_column
from .model import Summing

_ZONED = "timestamp with time zone"
_TRUTHS = {"true", "false", NULL}
_BARE = (
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "real",
    DOUBLE,
)  # JSON has them without quotes


@dataclass(frozen=True)
class ColumnForm:
    """How one column is given back.

    Args:
        name, type: of the column.
        quoted: every value stands in quotes.
        truth: a boolean is written as true or false.
        zulu: times are sent with T and Z.
        bits: a double is shown by its bits.
        changed: its values have to be brought into the server's form one by one.
    """

    name: str
    type: str
    quoted: bool = False
    truth: bool = False
    zulu: bool = False
    bits: bool = False
    changed: bool = False

    @property
    def selected(self) -> sql.Composable:
        """The column as a query selects it."""
        form = "{name}"
        if self.bits:
            form = "encode(float8send({name}), 'hex') AS {name}"
        elif self.truth:
            form = "{name}::text AS {name}"
        return sql.SQL(form).format(name=sql.Identifier(self.name))


@dataclass(frozen=True)
class Dialect:
    """How rows are sent: one byte each for delimiter and quote, the text for NULL, quoted or not."""

    delimiter: str
    quote: str
    null: str
    quoted_null: bool = True

    def fields(self, rows: bytes, width: int) -> list[Sequence[str]]:
        """Return the fields of whole rows by columns, as COPY reads them in text format.

        Raises:
            IrregularError: they are no rows of so many fields, or the text for NULL is a text in quotes.
        """
        if not self.quoted_null and f"{self.quote}{self.null}{self.quote}".encode() in rows:
            raise IrregularError
        return fields_by_column(rows, width, self.delimiter, self.quote, self.null)


@dataclass(frozen=True)
class SentForm:
    """The columns in the order in which they are sent; ``strict`` suits whatever is sent."""

    columns: tuple[ColumnForm, ...]
    dialect: Dialect
    strict: bool = False

    @property
    def as_they_are(self) -> bool:
        """Whether rows may be compared by the bytes that are sent."""
        return not any(column.changed for column in self.columns) and len(self.zulu) <= 1

    @property
    def zulu(self) -> list[int]:
        """The columns whose times are sent with T and Z."""
        return [at for at, column in enumerate(self.columns) if column.zulu]

    @property
    def form(self) -> Form:
        """How the server is asked for the rows."""
        quoted = [sql.Identifier(column.name) for column in self.columns if column.quoted]
        force = sql.SQL(", FORCE_QUOTE ({})").format(sql.SQL(", ").join(quoted)) if quoted else sql.SQL("")
        options = sql.SQL("FORMAT csv, DELIMITER {}, QUOTE {quote}, ESCAPE {quote}, NULL {}{}")
        return Form(
            sql.SQL(", ").join(column.selected for column in self.columns),
            options.format(
                sql.Literal(self.dialect.delimiter),
                sql.Literal(self.dialect.null),
                force,
                quote=sql.Literal(self.dialect.quote),
            ),
            told=not self.strict,
        )


def first_form(
    feed: Feed,
    names: Sequence[str],
    dialect: Dialect,
    summing: Summing,
    blocks: Generator[bytes, None, None],
    *,
    quotes_texts: bool,
) -> SentForm:
    """Return the form that suits a table's first rows; where no sums are made, it is never asked for.

    Args:
        feed: the table.
        names: its columns in the order in which they are sent.
        dialect: how rows are sent.
        summing: how they are summed up.
        blocks: the first rows that are sent; closed when enough is known.
        quotes_texts: whether texts are always sent in quotes.

    Raises:
        IrregularError, BadRowsError: they are not what the table takes.
    """
    types = {name: feed.shape.columns[name].type for name in names}
    if summing.strict or not summing.dsn:
        return _strict_form(types, dialect)
    with closing(blocks):
        rows = next(blocks, b"")
    with closing(connect(summing.dsn, autocommit=True)) as connection:
        canonical = Canonical(connection, list(types.values()), as_text=range(len(types)))
        try:
            return told_form(types, dialect, rows, canonical, quotes_texts=quotes_texts)
        except UncastableError as error:
            raise BadRowsError from error


def _strict_form(types: Mapping[str, str], dialect: Dialect) -> SentForm:
    """Return the form that suits whatever is sent."""
    columns = [ColumnForm(name, type_, bits=type_ == DOUBLE, changed=True) for name, type_ in types.items()]
    return SentForm(tuple(columns), dialect, strict=True)


def told_form(
    types: Mapping[str, str],
    dialect: Dialect,
    rows: bytes,
    canonical: Canonical,
    *,
    quotes_texts: bool,
) -> SentForm:
    """Return the form that suits these rows, the first that are sent.

    Args:
        types: those of the columns, in the order in which they are sent.
        dialect: how rows are sent.
        rows: some whole rows, or nothing.
        canonical: writes doubles as text.
        quotes_texts: whether a column without a value is taken for a quoted one if it holds texts.

    Raises:
        IrregularError, UncastableError: they are not what the table takes.
    """
    columns = [
        ColumnForm(
            name, type_, quoted=quotes_texts and type_ not in _BARE, truth=type_ == "boolean"
        )
        for name, type_ in types.items()
    ]  # fmt: skip
    if rows:
        sent = dialect.fields(rows, len(columns))
        quoting = _quoting(rows, len(columns), dialect)
        written = canonical.fields_of(sent)
        columns = [
            _told(column, sent[at], written[at], quoting[at], mixed=not quotes_texts)
            for at, column in enumerate(columns)
        ]
    return SentForm(tuple(columns), dialect)


def _told(
    column: ColumnForm, sent: Sequence[str], written: Sequence[str], quoting: Collection[int], *, mixed: bool
) -> ColumnForm:
    """Return the form of one column; with ``mixed``, values stand in quotes where they have to."""
    if set(sent) == {NULL}:
        return column
    column = replace(column, quoted=_BARELY not in quoting and _NEEDLESSLY in quoting)
    if not mixed and _BARELY in quoting and len(quoting) > 1:
        return replace(column, truth=False, changed=True)
    if column.type == "boolean" and set(sent) <= _TRUTHS:
        return column
    column = replace(column, truth=False)
    if list(sent) == list(written):
        return column
    if column.type == _ZONED and list(written) == [_unzulu(field) for field in sent]:
        return replace(column, zulu=True)
    return replace(column, changed=True, bits=column.type == DOUBLE)


_BARELY, _NEEDFULLY, _NEEDLESSLY = range(3)


def _quoting(rows: bytes, width: int, dialect: Dialect) -> list[set[int]]:
    """Return how the values of each column stand, in records that need no quotes to be cut."""
    delimiter, quote, null = (
        part.encode() for part in (dialect.delimiter, dialect.quote, dialect.null)
    )  # fmt: skip
    found: list[set[int]] = [set() for _ in range(width)]
    for line in rows.splitlines():
        fields = line.split(delimiter)
        if len(fields) == width and line.count(quote) % 2 == 0:
            for at, field in enumerate(fields):
                if not field.startswith(quote):
                    found[at].update({_BARELY} if field != null else ())
                else:
                    found[at].add(_NEEDFULLY if quote in field[1:-1] else _NEEDLESSLY)
    return found


def _unzulu(field: str) -> str:
    return field.replace("T", " ").replace("Z", "+00")
