"""Values of Parquet that Python's types cannot hold are read one by one; a bad one is told by its column."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.arrow_values import rows_one_by_one
from plugins.module_utils.reingest.sources.parquet import (
    opened_parquet,
    read_parquet,
    read_parquet_fields,
    rows_at_once,
)

CASES = Path(__file__).parents[2] / "data/load_cases"


def batch(**columns):
    return pyarrow.record_batch(columns)


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        (pyarrow.array([-800_000], "int32").cast("date32"), "0222-09-04 BC"),
        (pyarrow.array([3_000_000 * 86_400_000]).cast("date64"), "10183-09-21"),
        (pyarrow.array([-(10**11)]).cast(pyarrow.timestamp("s")), "1200-02-15 14:13:20 BC"),
        (pyarrow.array([3 * 10**11]).cast(pyarrow.timestamp("s", "UTC")), "11476-08-15 05:20:00+00:00"),
        (pyarrow.array([-1]).cast(pyarrow.timestamp("ns")), "1970-01-01 00:00:00"),
        (pyarrow.array([1_999]).cast(pyarrow.timestamp("ns")), "1970-01-01 00:00:00.000001"),
        (pyarrow.array([86_399_999_999_999]).cast(pyarrow.time64("ns")), "23:59:59.999999"),
        (pyarrow.array([1_500_001]).cast(pyarrow.duration("ns")), "P0DT0.001500S"),
        (
            pyarrow.array([[-800_000]], pyarrow.list_(pyarrow.int32())).cast(pyarrow.list_(pyarrow.date32())),
            ["0222-09-04 BC"],
        ),
        (pyarrow.array([[("k", 5)]], pyarrow.map_(pyarrow.string(), pyarrow.int8())), [["k", 5]]),
        (pyarrow.array([{"a": 1.5, "b": None}]), {"a": 1.5, "b": None}),
        (pyarrow.array(["x"]).dictionary_encode(), "x"),
        (pyarrow.array([b"\x01"]), "\\x01"),
        (pyarrow.array([None], "date32"), None),
    ],
)
def test_a_value_has_the_text_that_postgresql_reads(values, plain):
    assert list(rows_one_by_one(pyarrow, batch(a=values))) == [{"a": plain}]


def test_a_text_that_is_no_utf8_spoils_its_row_and_no_other():
    (_, bad), good = read_parquet(CASES / "pq_bad_utf8.parquet")
    assert bad.reason == "column t: not UTF-8 at byte 1; correct the source"
    assert bad.text == "\\xff\\xfe"
    assert good == (2, {"id": 2, "t": "a"})


def test_nested_nanoseconds_are_cut_as_others_are():
    rows = [row for _, row in read_parquet(CASES / "pq_nested_ns.parquet")]
    assert rows[0] == {"id": 1, "s": {"t": "2024-01-01 20:34:56.123456"}}


def test_columns_of_one_name_are_refused_by_it(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table([[1], [2]], ["v", "v"]), path)
    with pytest.raises(Refusal, match="the column 'v' is there twice"):
        read_parquet_fields(path)


@pytest.mark.parametrize(("length", "most"), [(100_000, 335), (50_000_000, 1), (10, 4096)])
def test_a_batch_has_fewer_rows_where_a_dictionary_has_long_values(tmp_path, length, most):
    path, out = tmp_path / "a.parquet", io.BytesIO()
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 9, "int32"), ["x" * length])
    parquet.write_table(pyarrow.table({"v": column}), out, compression="zstd")
    path.write_bytes(out.getvalue())
    with opened_parquet(path) as file:
        assert rows_at_once(path, file) == most
