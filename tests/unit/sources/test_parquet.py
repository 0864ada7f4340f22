import datetime
import decimal
import io
import re
import struct
from pathlib import Path

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


CASES = Path(__file__).parents[2] / "data/load_cases"


def test_times_of_spark_are_what_they_were_or_told(tmp_path):
    rows = list(read_parquet(CASES / "int96_from_spark.parquet"))
    assert [row["a"] for _, row in rows[:5]] == [
        "2024-01-01 20:34:56.123456",
        "2024-01-01 01:00:00",
        "9999-12-31 03:00:00",
        "2024-12-30 23:00:00",
        None,
    ]
    number, told = rows[5]
    assert (number, len(rows)) == (6, 6)
    assert told.reason.startswith("a time of column a that PostgreSQL cannot hold (it has those from 4713 BC")


def test_such_times_within_other_values_are_looked_at_too(tmp_path):
    moment = datetime.datetime(1900, 1, 1)  # noqa: DTZ001 - Spark writes such
    stamp = pa.timestamp("us")
    table = pa.table(
        {
            "n": pa.array([2**62, 1], pa.int64()),
            "list": pa.array([[moment], None], pa.list_(stamp)),
            "of": pa.array([{"at": moment, "n": 2**62}, None], pa.struct([("at", stamp), ("n", pa.int64())])),
            "map": pa.array([[("k", moment)], None], pa.map_(pa.string(), stamp)),
        }
    )
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path, use_deprecated_int96_timestamps=True)
    text = "1900-01-01 00:00:00"
    first = {"n": 2**62, "list": [text], "of": {"at": text, "n": 2**62}, "map": [["k", text]]}
    assert list(read_parquet(path)) == [(1, first), (2, {"n": 1, "list": None, "of": None, "map": None})]
    content = path.read_bytes()
    day = struct.pack("<i", 2415021)  # 1900-01-01 as a day of Julius Scaliger
    assert content.count(day) == 3
    for at in [found.start() for found in re.finditer(re.escape(day), content)]:
        path.write_bytes(content[:at] + struct.pack("<i", 2_000_000_000) + content[at + 4 :])
        (_, told), last = read_parquet(path)
        assert told.reason.startswith("a time of column ")
        assert last[0] == 2


def test_a_page_that_is_not_what_its_check_sum_says_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    text = "the very text that is stored"
    table = pa.table({"a": [text, "more"]})
    parquet.write_table(
        table,
        path,
        write_page_checksum=True,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
    )
    assert [row for _, row in read_parquet(path)] == [{"a": text}, {"a": "more"}]
    spoilt = path.read_bytes().replace(b"the very text", b"the vary text")
    path.write_bytes(spoilt)
    with pytest.raises(Refusal, match=r"cannot be read after row 0: .*CRC"):
        list(read_parquet(path))


class Watched(type(Path())):
    """A file that notes how many bytes are asked for at a time."""

    def open(self, *args, **options):
        self.asked = asked = []

        class Noting(io.FileIO):
            def read(self, size=-1):
                asked.append(size)
                return super().read(size)

        return Noting(self)


def test_a_large_row_group_is_read_in_pieces(tmp_path):
    path = Watched(tmp_path / "a.parquet")
    values = pa.array([f"{number:032x}" * 60 for number in range(10_000)])
    table = pa.table({"a": values, "b": values})
    parquet.write_table(table, str(path), use_dictionary=False, compression=None)
    assert sum(1 for _ in read_parquet(path)) == 10_000
    assert path.asked
    assert max(path.asked) <= 2 << 20  # a page, not the 19 MB of a column
