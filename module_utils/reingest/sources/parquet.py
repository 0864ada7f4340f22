"""Parquet, by pyarrow: a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, repeat
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
# What PostgreSQL has of times, in milliseconds since 1970, as far as 64 bits of microseconds go.
_LEAST_MS, _MOST_MS = -210_866_803_200_000, 9_223_372_036_854_775
_MOMENTS = "it has those from 4713 BC to 294247"


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
        wrapped = wrapped_times(source) if int96_fields(file) else repeat("")
        share = source.stat().st_size / max(file.metadata.num_rows, 1) if isinstance(source, Path) else 0
        while True:
            try:
                batch = next(batches)
                rows = _good_rows(arrow, batch, wrapped)
            except StopIteration:
                return
            except (arrow.ArrowException, OSError, ValueError) as error:
                raise read_error(source, number, error) from error
            for row in rows:
                number += 1
                yield number, row if isinstance(row, Bad) else _record(row)
            count_taken(int(share * len(rows)))


def read_error(source: Source, row: int, error: Exception) -> Refusal:
    """Return the refusal of a file that cannot be read on after so many rows."""
    return Refusal(f"{source} cannot be read after row {row}: {error}")


def _good_rows(arrow: Any, batch: Any, wrapped: Iterator[str]) -> list[Any]:  # noqa: ANN401 - pyarrow is imported late
    """Return the rows of a batch, ``Bad`` in place of those that have a time which no 64 bits hold."""
    told = list(islice(wrapped, batch.num_rows))
    batch = without_nanoseconds(arrow, batch)
    if not any(told):
        return list(batch.to_pylist())
    good = iter(batch.filter(arrow.array([not one for one in told])).to_pylist())
    return [bad(f"{one}; correct the source", one) if one else next(good) for one in told]


def wrapped_times(source: Source) -> Iterator[str]:
    """Yield for each row what is wrong with its times of type int96; empty: nothing.

    Read as microseconds, one that does not fit into 64 bits is another time, without an error. Milliseconds
    hold them all, and tell.

    Raises:
        Refusal: the file is no Parquet.
    """
    with opened_parquet(source, unit="ms") as file:
        arrow = library("pyarrow", "pyarrow", f"source {source}")
        fields = [(name, file.schema_arrow.field(name).type) for name in int96_fields(file)]
        for batch in file.iter_batches(_ROWS, columns=[name for name, _ in fields], use_threads=False):
            columns = [batch.column(name).cast(_as_numbers(arrow, kind)).to_pylist() for name, kind in fields]
            for values in zip(*columns):
                yield next(
                    (
                        f"a time of column {name} that PostgreSQL cannot hold ({_MOMENTS})"
                        for (name, kind), value in zip(fields, values)
                        if not _fits(arrow, kind, value)
                    ),
                    "",
                )


def int96_fields(file: Any) -> tuple[str, ...]:  # noqa: ANN401 - pyarrow is imported late
    """Return the top-level fields that are, or hold, times of type int96, as Spark and Impala write them."""
    columns = (file.schema.column(at) for at in range(len(file.schema)))
    paths = [column.path for column in columns if column.physical_type == "INT96"]
    return tuple(
        name
        for name in file.schema_arrow.names
        if any(path == name or path.startswith(f"{name}.") for path in paths)
    )


def _as_numbers(arrow: Any, kind: Any) -> Any:  # noqa: ANN401 - pyarrow is imported late
    """Return the type with numbers in place of times."""
    types = arrow.types
    if types.is_timestamp(kind):
        return arrow.int64()
    if types.is_map(kind):
        return arrow.map_(_as_numbers(arrow, kind.key_type), _as_numbers(arrow, kind.item_type))
    if types.is_struct(kind):
        return arrow.struct([one.with_type(_as_numbers(arrow, one.type)) for one in kind])
    if types.is_list(kind):
        return arrow.list_(kind.value_field.with_type(_as_numbers(arrow, kind.value_type)))
    return kind


def _fits(arrow: Any, kind: Any, value: Any) -> bool:  # noqa: ANN401 - pyarrow is imported late
    """Return whether all times in a value, which are numbers there, are such as PostgreSQL has."""
    types = arrow.types
    if value is None:
        return True
    if types.is_timestamp(kind):
        return bool(_LEAST_MS <= value <= _MOST_MS)
    if types.is_struct(kind):
        return all(_fits(arrow, one.type, value[one.name]) for one in kind)
    if types.is_map(kind):
        return all(
            _fits(arrow, kind.key_type, key) and _fits(arrow, kind.item_type, one) for key, one in value
        )
    if types.is_list(kind):
        return all(_fits(arrow, kind.value_type, one) for one in value)
    return True


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
def opened_parquet(source: Source, *, unit: str = "us") -> Iterator[Any]:
    """Give the file, or the file that row groups are of, as pyarrow has it; ``unit`` is that of int96.

    Pages that have a check sum are checked by it.

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
            file = parquet.ParquetFile(
                stream, pre_buffer=False, coerce_int96_timestamp_unit=unit, page_checksum_verification=True
            )
        except (arrow.ArrowException, OSError) as error:
            raise Refusal(f"{source} is not a whole Parquet file: {error}; fetch it again") from error
        with file:
            yield file


def _remote(source: Source) -> Remote:
    if not isinstance(source, Remote):
        raise TypeError(f"{source} is no file")
    return source


CODE = Code(lambda source, _: read_parquet(source), lambda source, _: read_parquet_fields(source))
