"""CSV and TSV: fields by the names in the first line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..dataset.model import Dialect
from ..errors import Refusal
from .bad import Bad, bad
from .lines import read_lines

_LONGEST_FIELD = (1 << 31) - 1  # csv's own limit is 128 KiB


def read_header(path: Path, dialect: Dialect) -> tuple[str, ...]:
    """Return the names of the fields.

    Raises:
        Refusal: the file is empty, or a name is empty or there twice.
    """
    for _, fields in _fields(path, dialect):
        names = tuple(fields)
        for name in names:
            if not name or names.count(name) > 1:
                wrong = "there twice" if name else "empty"
                raise Refusal(f"{path}:1: the field name {name!r} is {wrong}; correct the first line")
        return names
    raise Refusal(f"{path} is empty: its first line must name the fields")


def read_delimited(path: Path, dialect: Dialect) -> Iterator[tuple[int, dict[str, str | None] | Bad]]:
    """Yield each record by field name, or why it is none, and the number of its first line.

    The null text gives None.

    Raises:
        Refusal: the quoting is broken, or the file cannot be read on; with file and line.
    """
    names = read_header(path, dialect)
    rows = _fields(path, dialect)
    next(rows)
    null = dialect.null
    for number, fields in rows:
        if not fields:
            continue  # an empty line
        if len(fields) != len(names):
            count = f"{len(fields)} fields where the first line names {len(names)}"
            yield number, bad(f"{count}; correct the source or the dialect", dialect.delimiter.join(fields))
            continue
        yield number, {name: None if field == null else field for name, field in zip(names, fields)}


def _fields(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_FIELD)
    quoting: dict[str, Any] = {"quotechar": dialect.quote} if dialect.quote else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader(
        (text for _, text in read_lines(path)), delimiter=dialect.delimiter, strict=True, **quoting
    )
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Refusal(f"{path}:{number}: {error}; correct the source or the dialect") from error
        yield number, fields
