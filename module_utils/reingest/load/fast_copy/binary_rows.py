"""The sum of rows in the server's binary format, cut where Arrow says that they end."""

from __future__ import annotations

import importlib
from itertools import accumulate
from typing import Any

from ...sources.blocks import IrregularError
from ..content_sum import TRAILER, ContentSum

_COUNT, _LENGTH = 2, 4  # bytes: of the number of fields, and of the length before each


class BinaryRows:
    """Sums up batches of Arrow by the bytes that pgpq makes of them; it gives out several at a time."""

    def __init__(self, arrow: Any) -> None:  # noqa: ANN401 - pyarrow is imported late
        self.content = ContentSum()
        self._arrow = arrow
        self._compute: Any = importlib.import_module("pyarrow.compute")
        self._sizes: list[int] = []
        self._left = b""

    def add(self, batch: Any, data: bytes) -> None:  # noqa: ANN401 - pyarrow is imported late
        """Add a batch, and the bytes that were given out with it, which may be none."""
        self._sizes += self._sizes_of(batch)
        self._take(data)

    def end(self, data: bytes) -> None:
        """Take the last bytes.

        Raises:
            IrregularError: they are not the rows of these batches.
        """
        self._take(data)
        if self._sizes or self._left != TRAILER:
            raise IrregularError

    def _take(self, data: bytes) -> None:
        if not data:
            return
        data = self._left + data
        ends = list(accumulate(self._sizes))
        while ends and ends[-1] > len(data):
            ends.pop()
        self.content.add([data[at:end] for at, end in zip([0, *ends], ends)])
        self._left = data[ends[-1] :] if ends else data
        del self._sizes[: len(ends)]

    def _sizes_of(self, batch: Any) -> list[int]:  # noqa: ANN401 - pyarrow is imported late
        """Return how many bytes each row takes."""
        arrow, compute = self._arrow, self._compute
        size = arrow.int64()
        sizes = arrow.repeat(arrow.scalar(_COUNT + _LENGTH * batch.num_columns, size), batch.num_rows)
        for column in batch.columns:
            if arrow.types.is_primitive(column.type):
                width = arrow.scalar((column.type.bit_width + 7) // 8, size)
                own = compute.multiply(column.is_valid().cast(size), width) if column.null_count else width
            else:
                own = compute.fill_null(compute.binary_length(column), 0).cast(size)
            sizes = compute.add(sizes, own)
        return list(sizes.to_pylist())
