"""Parquet, by pyarrow: a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import Refusal
from .bad import Bad, bad
from .content import count_taken
from .format import Code
from .optional import library
from .remote import open_seekable
from .source import Remote, RowGroups, Source
from .values import plain

_ROWS = 4096  # in a batch


def read_parquet_fields(source: Source) -> tuple[str, ...]:
    """Return the names of the columns.

    Raises:
        Refusal: the file is no Parquet.
    """
    with opened_parquet(source) as file:
        return tuple(file.schema_arrow.names)


def read_parquet(source: Source) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """Yield each row, or why it cannot be read, and its number.

    Raises:
        Refusal: the file is no Parquet, is truncated, or is damaged; with file and row.
    """
    number = 0
    with opened_parquet(source) as file:
        arrow = library("pyarrow", "pyarrow", f"source {source}")
        batches = file.iter_batches(_ROWS, use_threads=False)
        share = source.stat().st_size / max(file.metadata.num_rows, 1) if isinstance(source, Path) else 0
        while True:
            try:
                rows = without_nanoseconds(arrow, next(batches)).to_pylist()
            except StopIteration:
                return
            except (arrow.ArrowException, OSError, ValueError) as error:
                raise read_error(source, number, error) from error
            for row in rows:
                number += 1
                yield number, _record(row)
            count_taken(int(share * len(rows)))


def read_error(source: Source, row: int, error: Exception) -> Refusal:
    """Return the refusal of a file that cannot be read on after so many rows."""
    return Refusal(f"{source} cannot be read after row {row}: {error}")


def _record(row: dict[str, Any]) -> dict[str, Any] | Bad:
    try:
        return {name: plain(value) for name, value in row.items()}
    except ValueError as error:
        return bad(f"{error}; correct the source", repr(row))


def without_nanoseconds(arrow: Any, batch: Any) -> Any:  # noqa: ANN401 - pyarrow is imported late
    """Return the batch with its nanoseconds cut off: Python's times, and PostgreSQL's, have none."""
    types = arrow.types
    for at, field in enumerate(batch.schema):
        kind = field.type
        if types.is_timestamp(kind) and kind.unit == "ns":
            kind = arrow.timestamp("us", kind.tz)
        elif types.is_duration(kind) and kind.unit == "ns":
            kind = arrow.duration("us")
        elif types.is_time64(kind) and kind.unit == "ns":
            kind = arrow.time64("us")
        else:
            continue
        batch = batch.set_column(at, field.name, batch.column(at).cast(kind, safe=False))
    return batch


@contextmanager
def opened_parquet(source: Source) -> Iterator[Any]:
    """Give the file, or the file that row groups are of, as pyarrow has it.

    Raises:
        Refusal: it cannot be opened, or is no whole Parquet file.
    """
    if isinstance(source, RowGroups):
        source = source.file
    arrow = library("pyarrow", "pyarrow", f"source {source}")
    parquet = library("pyarrow.parquet", "pyarrow", f"source {source}")
    try:
        stream = source.open("rb") if isinstance(source, Path) else open_seekable(_remote(source))
    except OSError as error:
        raise Refusal(f"source {source} cannot be read: {error.strerror}") from error
    with stream:
        try:
            file = parquet.ParquetFile(stream, pre_buffer=False)
        except (arrow.ArrowException, OSError) as error:
            raise Refusal(f"{source} is not a whole Parquet file: {error}; fetch it again") from error
        with file:
            yield file


def _remote(source: Source) -> Remote:
    if not isinstance(source, Remote):
        raise TypeError(f"{source} is no file")
    return source


CODE = Code(lambda source, _: read_parquet(source), lambda source, _: read_parquet_fields(source))
