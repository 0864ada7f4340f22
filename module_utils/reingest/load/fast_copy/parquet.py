"""Parquet by columns: a batch of Arrow becomes the server's binary format in one call, where types match."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from psycopg2 import sql

from ...sources.blocks import IrregularError
from ...sources.content import count_taken
from ...sources.optional import library_if_there
from ...sources.parquet import int96_fields, opened_parquet, read_error, without_nanoseconds, wrapped_times
from ...sources.source import RowGroups, Source
from ..content_sum import ContentSum, Form
from ..rows import Feed
from .binary_rows import BinaryRows
from .model import Sent, Summing, single_paths

_ROWS = 1 << 12  # in a batch
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _SMALL = -1, -3, 1 << 16  # of glibc's mallopt


class ParquetCopy:
    """The columns of the files that are columns of the table, each in the server's own binary form."""

    filtered = 0
    unmet: frozenset[str] = frozenset()  # a field that is missing was refused before

    def __init__(
        self,
        feed: Feed,
        fields: dict[str, str],
        schema: Any,  # noqa: ANN401 - pyarrow is imported late
        libraries: tuple[Any, Any],
        summing: Summing,
    ) -> None:
        """Take the files' columns by those of the table, their types as they are sent, pyarrow and pgpq."""
        self._arrow, pgpq = libraries
        _keep_little(self._arrow)
        self._sums = BinaryRows(self._arrow) if summing.dsn else None
        self.columns = tuple(fields)
        self._feed = feed
        self._fields = list(fields.values())
        self._schema = schema
        self._encoder = pgpq.ArrowToPostgresBinaryEncoder

    @property
    def content(self) -> ContentSum | None:
        """The sum of the rows sent so far."""
        return self._sums.content if self._sums else None

    @property
    def options(self) -> sql.Composable:
        """The binary format."""
        return sql.SQL("FORMAT binary")

    @property
    def form(self) -> Form:
        """The same binary format: what is sent is what the server gives back."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return Form(columns, self.options, binary=True)

    def sent(self, files: Sequence[Source]) -> Iterator[Sent]:
        """Yield the rows of files, or of some of their row groups."""
        encoder = self._encoder(self._schema)
        yield Sent(encoder.write_header(), 0)
        for batch in chain.from_iterable(map(self._batches, files)):
            data = encoder.write_batch(batch)
            if self._sums:
                self._sums.add(batch, data)
            yield Sent(data, batch.num_rows)
        data = encoder.finish()
        if self._sums:
            self._sums.end(data)
        yield Sent(data, 0)

    def shares(self, streams: int) -> list[tuple[Source, ...]]:
        """Return row groups, about as many rows for each stream."""
        shares: list[dict[Path, list[int]]] = [{} for _ in range(streams)]
        rows = [0] * streams
        for count, file, number in sorted(_row_groups(self._feed.files), key=lambda group: -group[0]):
            least = rows.index(min(rows))
            rows[least] += count
            shares[least].setdefault(file, []).append(number)
        return [
            tuple(RowGroups(file, tuple(sorted(numbers))) for file, numbers in share.items())
            for share in shares
            if share
        ]

    def handed(self) -> Iterator[Sent]:
        """Yield nothing: streams read their shares themselves."""
        return iter(())

    def received(self, pipe: Source) -> Iterator[Sent]:
        """Yield nothing, as nothing is handed over."""
        raise TypeError(f"{pipe} holds no Parquet")

    def _batches(self, source: Source) -> Iterator[Any]:
        """Yield batches with the columns and types that are sent."""
        arrow = self._arrow
        with opened_parquet(source) as file:
            groups = source.numbers if isinstance(source, RowGroups) else range(file.num_row_groups)
            batches = file.iter_batches(
                _ROWS, row_groups=list(groups), columns=self._fields, use_threads=False
            )
            path = source.file if isinstance(source, RowGroups) else source
            share = path.stat().st_size / max(file.metadata.num_rows, 1) if isinstance(path, Path) else 0
            row = 0
            while True:
                try:
                    batch = next(batches)
                except StopIteration:
                    return
                except (arrow.ArrowException, OSError, ValueError) as error:
                    raise read_error(source, row, error) from error
                row += batch.num_rows
                count_taken(int(share * batch.num_rows))
                yield self._typed(batch)

    def _typed(self, batch: Any) -> Any:  # noqa: ANN401 - pyarrow is imported late
        arrow = self._arrow
        batch = without_nanoseconds(arrow, batch.select(self._fields))
        try:
            columns = [column.cast(field.type) for column, field in zip(batch.columns, self._schema)]
        except arrow.ArrowInvalid as error:  # a number that the column cannot hold
            raise IrregularError from error
        return arrow.RecordBatch.from_arrays(columns, schema=self._schema)


def copy_parquet(feed: Feed, summing: Summing) -> ParquetCopy | None:
    """Return the way where each column has the type of its field, and pgpq is there; else None."""
    arrow, pgpq = library_if_there("pyarrow"), library_if_there("pgpq")
    fields = single_paths(feed)
    if (
        arrow is None
        or pgpq is None
        or fields is None
        or not all(isinstance(file, Path) for file in feed.files)
    ):
        return None
    sent: list[Any] = []
    for file in feed.files:
        with opened_parquet(file) as opened:
            there, old_times = opened.schema_arrow, int96_fields(opened)
        if {*old_times} & {*fields.values()} and any(wrapped_times(file)):
            return None
        if any(there.get_field_index(field) < 0 for field in fields.values()):
            return None
        types = [
            _sent_type(arrow, there.field(field).type, feed.shape.columns[column].type)
            for column, field in fields.items()
        ]
        if None in types or (sent and types != sent):
            return None
        sent = types
    return ParquetCopy(feed, dict(fields), arrow.schema(list(zip(fields, sent))), (arrow, pgpq), summing)


def _keep_little(arrow: Any) -> None:  # noqa: ANN401 - pyarrow is imported late
    """Have freed memory given back at once: allocators keep it, and each stream has one of its own."""
    arrow.set_memory_pool(arrow.system_memory_pool())
    with contextlib.suppress(AttributeError):  # where the C library is another one than glibc
        for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(parameter, _SMALL)


def _row_groups(files: Sequence[Source]) -> Iterator[tuple[int, Path, int]]:
    """Yield the rows, the file and the number of each row group."""
    for source in files:
        if isinstance(source, Path):
            with opened_parquet(source) as file:
                for number in range(file.num_row_groups):
                    yield file.metadata.row_group(number).num_rows, source, number


def _sent_type(arrow: Any, there: Any, column: str) -> Any:  # noqa: ANN401 - pyarrow is imported late
    """Return the type in which a field's values are what the column's text would have become; else None."""
    types = arrow.types
    if types.is_dictionary(there):
        there = there.value_type
    if column == "text" or column.startswith("character varying"):
        return arrow.string() if types.is_string(there) or types.is_large_string(there) else None
    if types.is_integer(there):
        return {"smallint": arrow.int16(), "integer": arrow.int32(), "bigint": arrow.int64()}.get(column)
    if types.is_timestamp(there):
        with_zone = column == "timestamp with time zone"
        if column not in ("timestamp without time zone", "timestamp with time zone"):
            return None
        return arrow.timestamp("us", there.tz) if with_zone == (there.tz is not None) else None
    if column == "double precision":
        return arrow.float64() if types.is_float64(there) or types.is_float32(there) else None
    return {
        ("real", arrow.float32()): arrow.float32(),
        ("boolean", arrow.bool_()): arrow.bool_(),
        ("date", arrow.date32()): arrow.date32(),
        ("bytea", arrow.binary()): arrow.binary(),
    }.get((column, there))
