import datetime
import decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.parquet import read_parquet, read_parquet_fields

MOMENT = datetime.datetime(2020, 2, 29, 1, 2, 3, 4000, datetime.timezone.utc)


@pytest.fixture
def path(tmp_path):
    table = pa.table(
        {
            "id": pa.array([1, None], pa.uint64()),
            "price": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(10, 2)),
            "at": pa.array([MOMENT, None], pa.timestamp("ns", "UTC")),
            "raw": pa.array([b"\x01", None], pa.binary()),
            "tags": pa.array([["a", None], None], pa.list_(pa.string())),
            "of": pa.array([{"day": datetime.date(2020, 1, 2)}, None], pa.struct([("day", pa.date32())])),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_rows_have_the_texts_that_postgresql_reads(path):
    assert read_parquet_fields(path) == ("id", "price", "at", "raw", "tags", "of")
    first = {
        "id": 1,
        "price": "1.50",
        "at": "2020-02-29 01:02:03.004000+00:00",
        "raw": "\\x01",
        "tags": ["a", None],
        "of": {"day": "2020-01-02"},
    }
    assert list(read_parquet(path)) == [(1, first), (2, dict.fromkeys(first))]


def test_a_file_that_is_not_whole_is_refused(path):
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(Refusal, match="is not a whole Parquet file"):
        list(read_parquet(path))
