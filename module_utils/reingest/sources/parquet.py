"""Parquet, by pyarrow: a batch of rows at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from ..errors import Refusal
from .arrow_values import rows_one_by_one
from .bad import Bad, bad
from .content import count_taken
from .format import Code
from .optional import library
from .remote import open_seekable
from .source import Remote, RowGroups, Source
from .values import plain

_ROWS = 4096  # in a batch
_MOST_BYTES = (
    32 << 20
)  # of a batch's texts that a dictionary stands for: a file of 999 bytes may ask for 3 GB
# pyarrow holds the row group that it reads; of one with more bytes (unpacked) a piece of each column.
_LARGE_GROUP, _PIECE = 32 << 20, 64 << 10
_LOOKED_AT = 4  # row groups, as a writer makes them alike: to look into one takes milliseconds a column
_TEXT_TYPES = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
# What PostgreSQL has of times, in milliseconds since 1970, as far as 64 bits of microseconds go.
_LEAST_MS, _MOST_MS = -210_866_803_200_000, 9_223_372_036_854_775
_MOMENTS = "it has those from 4713 BC to 294247"


def read_parquet_fields(source: Source) -> tuple[str, ...]:
    """Return the names of the columns.

    Raises:
        Refusal: the file is no Parquet.
    """
    with opened_parquet(source) as file:
        names = tuple(file.schema_arrow.names)
    for name, times in Counter(names).items():
        if times > 1:
            raise Refusal(f"{source}: the column {name!r} is there twice; write the file with other names")
    return names


def read_parquet(source: Source) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """Yield each row, or why it cannot be read, and its number.

    Raises:
        Refusal: the file is no Parquet, is truncated, or is damaged; with file and row.
    """
    number = 0
    with opened_parquet(source) as file:
        arrow = library("pyarrow", "pyarrow", f"source {source}")
        batches = file.iter_batches(rows_at_once(source, file), use_threads=False)
        wrapped = wrapped_times(source) if int96_fields(file) else repeat("")
        share = source.stat().st_size / max(file.metadata.num_rows, 1) if isinstance(source, Path) else 0
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except (arrow.ArrowException, OSError, ValueError) as error:
                raise read_error(source, number, error) from error
            for row in _rows(arrow, batch, list(islice(wrapped, batch.num_rows))):
                number += 1
                yield number, row
            count_taken(int(share * batch.num_rows))


def read_error(source: Source, row: int, error: Exception) -> Refusal:
    """Return the refusal of a file that cannot be read on after so many rows."""
    return Refusal(f"{source} cannot be read after row {row}: {error}")


def _rows(
    arrow: Any,  # noqa: ANN401 - pyarrow is imported late
    batch: Any,  # noqa: ANN401
    wrapped: Sequence[str],
) -> Iterator[dict[str, Any] | Bad]:
    """Return the rows of a batch, ``Bad`` in place of those whose time has over 64 bits (``wrapped``)."""
    good = batch.filter(arrow.array([not one for one in wrapped])) if any(wrapped) else batch
    rows: Iterator[dict[str, Any] | Bad]
    try:
        rows = map(_record, without_nanoseconds(arrow, good).to_pylist())
    except (arrow.ArrowException, ValueError, OverflowError):  # one of the values, which is found one by one
        rows = rows_one_by_one(arrow, good)
    if good is batch:
        return rows
    return (bad(f"{one}; correct the source", one) if one else next(rows) for one in wrapped)


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


def rows_at_once(source: Source, file: Any) -> int:  # noqa: ANN401 - pyarrow is imported late
    """Return how many rows a batch may have: fewer where a dictionary has long values.

    They are in the file once, however many rows name them.

    Args:
        source: the file, or some of its row groups.
        file: it, as pyarrow has it.

    Raises:
        Refusal: it cannot be read.
    """
    groups = source.numbers if isinstance(source, RowGroups) else range(file.num_row_groups)
    groups = groups[:: max(1, len(groups) // _LOOKED_AT)]
    longest: dict[str, int] = {}
    coded = {group: _coded(file.metadata.row_group(group)) for group in groups}
    names = sorted({name for columns in coded.values() for name in columns} & {*file.schema_arrow.names})
    if not names:
        return _ROWS
    arrow = library("pyarrow", "pyarrow", f"source {source}")
    compute = library("pyarrow.compute", "pyarrow", f"source {source}")
    with opened_parquet(source, coded=names) as again:
        for group, columns in coded.items():
            own = [name for name in columns if name in names]
            try:
                batch = next(again.iter_batches(1, row_groups=[group], columns=own)) if own else None
            except StopIteration:
                continue
            except (arrow.ArrowException, OSError, ValueError) as error:
                raise read_error(source, 0, error) from error
            for name, column in zip(batch.schema.names, batch.columns) if batch else ():
                if arrow.types.is_dictionary(column.type) and len(column.dictionary):
                    size = compute.max(compute.binary_length(column.dictionary)).as_py() or 0
                    longest[name] = max(longest.get(name, 0), size)
    return max(1, min(_ROWS, _MOST_BYTES // max(1, sum(longest.values()))))


def _large_groups(metadata: Any) -> bool:  # noqa: ANN401 - pyarrow is imported late
    """Return whether row groups, of which the first ones stand for all, are too large to be held."""
    looked_at = range(min(metadata.num_row_groups, _LOOKED_AT))
    return any(metadata.row_group(number).total_byte_size > _LARGE_GROUP for number in looked_at)


def _coded(group: Any) -> list[str]:  # noqa: ANN401 - pyarrow is imported late
    """Return the columns of a row group whose dictionary could be too large for a batch of rows."""
    columns = (group.column(at) for at in range(group.num_columns))
    return [
        column.path_in_schema
        for column in columns
        if column.physical_type in _TEXT_TYPES
        and column.has_dictionary_page
        and column.total_uncompressed_size * _ROWS > _MOST_BYTES
    ]


@contextmanager
def opened_parquet(source: Source, *, unit: str = "us", coded: Sequence[str] = ()) -> Iterator[Any]:
    """Give the file, or the file that row groups are of, as pyarrow has it; ``unit`` is that of int96.

    Pages that have a check sum are checked by it. ``coded`` columns are given as their dictionaries.

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
            metadata = parquet.read_metadata(stream)
            file = parquet.ParquetFile(
                stream,
                metadata=metadata,
                pre_buffer=False,
                buffer_size=_PIECE if isinstance(source, Path) and _large_groups(metadata) else 0,
                coerce_int96_timestamp_unit=unit,
                page_checksum_verification=True,
                read_dictionary=list(coded),
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
