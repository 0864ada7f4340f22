"""Rows in the binary format are cut where they end, whenever their bytes are given out."""

from __future__ import annotations

import datetime

import pgpq
import pyarrow
import pytest

from plugins.module_utils.reingest.load.content_sum import ContentSum
from plugins.module_utils.reingest.load.fast_copy.binary_rows import BinaryRows
from plugins.module_utils.reingest.sources.blocks import IrregularError

TYPES = {
    "small": pyarrow.int16(),
    "whole": pyarrow.int32(),
    "big": pyarrow.int64(),
    "flag": pyarrow.bool_(),
    "real": pyarrow.float32(),
    "double": pyarrow.float64(),
    "text": pyarrow.string(),
    "bytes": pyarrow.binary(),
    "day": pyarrow.date32(),
}
SCHEMA = pyarrow.schema(TYPES)
FULL = [1, -2, 3, True, 0.5, 0.1, "é\n", b"\0\xff", datetime.date(2021, 2, 1)]
NULLS = [None] * len(FULL)
HEADER = 19


def batch(*rows):
    columns = [pyarrow.array(list(values), field.type) for values, field in zip(zip(*rows), SCHEMA)]
    return pyarrow.RecordBatch.from_arrays(columns, schema=SCHEMA)


def of_one(row):
    """Return the bytes of one row."""
    encoder = pgpq.ArrowToPostgresBinaryEncoder(SCHEMA)
    return (encoder.write_header() + encoder.write_batch(batch(row)) + encoder.finish())[HEADER:-2]


def test_rows_are_those_that_pgpq_makes_one_by_one():
    encoder, sums = pgpq.ArrowToPostgresBinaryEncoder(SCHEMA), BinaryRows(pyarrow)
    encoder.write_header()
    for each in ([FULL, NULLS], [NULLS, FULL, FULL]):
        made = batch(*each)
        sums.add(made, encoder.write_batch(made))
    sums.end(encoder.finish())
    expected = ContentSum()
    expected.add([of_one(row) for row in (FULL, NULLS, NULLS, FULL, FULL)])
    assert sums.content == expected


@pytest.mark.parametrize("cut", [0, 1, 50, -3])
def test_bytes_may_come_in_any_pieces(cut):
    data, sums = of_one(FULL) + of_one(NULLS), BinaryRows(pyarrow)
    sums.add(batch(FULL, NULLS), data[:cut])
    sums.end(data[cut:] + b"\xff\xff")
    expected = ContentSum()
    expected.add([of_one(FULL), of_one(NULLS)])
    assert sums.content == expected


@pytest.mark.parametrize("wrong", [b"", b"\xff\xff", b"\0\xff\xff"])
def test_bytes_that_are_not_the_rows_end_this_way(wrong):
    sums = BinaryRows(pyarrow)
    sums.add(batch(FULL), b"")
    with pytest.raises(IrregularError):
        sums.end(of_one(NULLS) + wrong)
