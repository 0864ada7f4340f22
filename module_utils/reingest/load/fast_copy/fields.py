"""The fields of delimited records by columns, as COPY reads them in text format: for sums."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from ...sources.blocks import IrregularError
from ..copy_text import NULL, escaped

_LONGEST = (1 << 31) - 1


def fields_by_column(data: bytes, width: int, delimiter: str, quote: str, null: str) -> list[Sequence[str]]:
    """Return the fields of whole records of so many each; ``null`` counts in quotes, too.

    Raises:
        IrregularError: they are no text, or there are more or fewer fields; the server refuses them as well.
    """
    csv.field_size_limit(_LONGEST)
    quoting: Any = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    try:
        text = io.StringIO(data.decode("utf-8"), newline="")
        rows = list(csv.reader(text, strict=True, delimiter=delimiter, **quoting))
    except (UnicodeDecodeError, csv.Error) as error:
        raise IrregularError from error
    columns: list[Sequence[str]] = list(zip(*rows))
    if set(map(len, rows)) != {width}:
        raise IrregularError
    if _may_need_escapes(data, len(rows), delimiter):
        columns = [
            list(map(escaped, column)) if _needs_escapes("".join(column)) else column for column in columns
        ]
        null = escaped(null)
    return [
        [NULL if field == null else field for field in column] if null in column else column
        for column in columns
    ]


def _may_need_escapes(data: bytes, records: int, delimiter: str) -> bool:
    """Return whether a field may hold a backslash, a tab or a line end."""
    ends = data.count(b"\n")
    return (
        b"\\" in data
        or (b"\t" in data and delimiter != "\t")
        or (b"\r" in data and data.count(b"\r") != data.count(b"\r\n"))
        or ends != records
    )


def _needs_escapes(text: str) -> bool:
    return "\\" in text or "\t" in text or "\n" in text or "\r" in text
