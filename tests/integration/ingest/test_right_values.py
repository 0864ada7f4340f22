"""Small files that loaders read wrongly, and in silence: each has its right values, or is told."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from integration.ingest.sources_load import SourcesLoad, SourceTable

from plugins.module_utils.reingest.errors import Refusal

CASES = Path(__file__).parents[2] / "data/load_cases"
SPARK = (CASES / "int96_from_spark.parquet").read_bytes()
TIMES = [
    "2024-01-01 20:34:56.123456",
    "2024-01-01 01:00:00",
    "9999-12-31 03:00:00",
    "2024-12-30 23:00:00",
    None,
]
MYSQL = (CASES / "mysql_null_escape.csv").read_bytes()
OPLOG = (CASES / "bson_timestamp_increment.bson").read_bytes()
TWICE = b"a,b\nx,y\na,b\nz,w\n"
TYPED = b"id,n\n1,2\nid,n\n3,4\n"
TOGETHER = b"\xef\xbb\xbfid,label\r\nt1,one\r\n\xef\xbb\xbfid,label\r\nt2,two\r\n"


@pytest.fixture
def sources(tmp_path, staging):
    return SourcesLoad(tmp_path, staging)


def good_rows_of_spark():
    """Return the same file without the row that no 64 bits hold: it is copied in the quick way."""
    table = pyarrow.parquet.read_table(io.BytesIO(SPARK), coerce_int96_timestamp_unit="us").slice(0, 5)
    stream = io.BytesIO()
    pyarrow.parquet.write_table(table, stream, use_deprecated_int96_timestamps=True)
    return stream.getvalue()


@pytest.mark.parametrize("prove", ["content", "counts"])
def test_small_files_have_their_right_values(sources, staging, prove):
    mysql = {"escape": "\\", "null": "\\N", "header": ["a", "b", "c"]}
    bson = {"columns": {"id": "_id", "ts": "ts"}, "duplicates": "drop"}
    tables = {
        "spark_time": SourceTable("spark_time", "a.parquet", SPARK, ("a",), types={"a": "timestamp"}),
        "spark_zone": SourceTable("spark_zone", "b.parquet", SPARK, ("a",), types={"a": "timestamptz"}),
        "spark_text": SourceTable("spark_text", "c.parquet", SPARK, ("a",)),
        "spark_day": SourceTable("spark_day", "d.parquet", SPARK, ("a",), types={"a": "date"}),
        "mysql": SourceTable("mysql", "m.csv", MYSQL, ("a", "b", "c"), mysql),
        "oplog": SourceTable(
            "oplog", "o.bson", OPLOG, ("id", "ts"), bson,
            {"ts": "timestamptz PRIMARY KEY"},
        ),
        "together": SourceTable("together", "t.csv", TOGETHER, ("id", "label")),
        "link": SourceTable("link", "l.csv", TWICE, ("a", "b")),
        "once": SourceTable("once", "s.csv", TWICE, ("a", "b"), {"repeated_header": "skip"}),
        "typed": SourceTable("typed", "n.csv", TYPED, ("id", "n"), types={"n": "bigint"}),
        "typed_once": SourceTable(
            "typed_once", "o.csv", TYPED, ("id", "n"), {"repeated_header": "skip"}, {"n": "bigint"}
        ),
    }  # fmt: skip
    counted = sources.run(list(tables.values()), prove=prove)["tables"]
    rejected = {name: count["rejected"] for name, count in counted.items() if count["rejected"]}
    one_each = [*(name for name in tables if name.startswith("spark")), "together", "link", "typed"]
    assert rejected == dict.fromkeys(one_each, 1)

    def rows(query):
        return staging.rows(query, "sources")

    assert [row[0] for row in rows("SELECT a::text FROM spark_time")] == TIMES
    assert [row[0] for row in rows("SELECT (a AT TIME ZONE 'UTC')::text FROM spark_zone")] == TIMES
    assert [row[0] for row in sources.rows(tables["spark_text"])] == TIMES
    assert [row[0] for row in rows("SELECT a::text FROM spark_day")] == [time and time[:10] for time in TIMES]
    assert sources.rows(tables["mysql"]) == [("1", None, "it's"), ("2", None, "x")]
    assert rows("SELECT (ts AT TIME ZONE 'UTC')::text FROM oplog ORDER BY 1") == [
        ("2023-11-14 22:13:20.000001",),
        ("2023-11-14 22:13:20.000002",),
    ]
    assert sources.rows(tables["together"]) == [("t1", "one"), ("t2", "two")]
    assert sources.rows(tables["link"]) == sources.rows(tables["once"]) == [("x", "y"), ("z", "w")]
    assert sources.rows(tables["typed"]) == sources.rows(tables["typed_once"]) == [("1", 2), ("3", 4)]
    assert sources.rejects(tables["typed"])[0]["reason"].startswith("the header again: ")
    assert [reject["line"] for reject in sources.rejects(tables["together"])] == [3]


def test_times_of_spark_are_copied_in_the_quick_way(loaded):
    files, mapping = {"t.parquet": good_rows_of_spark()}, "    columns: {id: a}\n"
    rows, way = loaded(files, streams=1, more=mapping, columns="id timestamp")
    assert (way, rows) == ("quick x 1", [f'("{time}")' if time else "()" for time in sorted(TIMES, key=str)])


def test_a_shard_of_no_bytes_is_refused_before_the_load_or_declared(sources):
    line = b'{"id": 1}\n'
    keys = {"from": ["study-1.jsonl", "study-2.jsonl.gz"], "columns": {"id": "id"}}
    (sources.folder / "study-2.jsonl.gz").touch()
    table = SourceTable("study", "study-1.jsonl", line, ("id",), keys)
    with pytest.raises(Refusal, match=r"study-2\.jsonl\.gz is truncated: it is empty, and gzip data are not"):
        sources.run([table], check=True)
    declared = SourceTable("study", "study-1.jsonl", line, ("id",), {**keys, "allow_empty": True})
    assert sources.run([declared])["tables"]["study"]["loaded"] == 1


def test_a_table_may_have_nothing_but_files_of_no_bytes(sources):
    keys = {"allow_empty": True, "columns": {"id": "id"}}
    tables = [
        SourceTable(name, f"{name}.{ending}", b"", ("id",), keys)
        for name, ending in (("a", "csv"), ("b", "jsonl.gz"), ("c", "bson"))
    ]
    counted = sources.run(tables)["tables"]
    assert [counted[table.name]["loaded"] for table in tables] == [0, 0, 0]
    with pytest.raises(Refusal, match=re.escape("all its files are empty, and none names the fields")):
        sources.run([SourceTable("a", "a.csv", b"", ("id",), {"allow_empty": True})])


def test_records_with_a_key_twice_are_rejects_where_that_is_declared(sources):
    lines = b'{"a": 1, "a": 2}\n{"a": 3.10}\n'
    keys = {"columns": {"a": "a"}}
    last = SourceTable("last", "l.jsonl", lines, ("a",), keys, {"a": "numeric"})
    told = SourceTable(
        "told", "t.jsonl", lines, ("a",), {**keys, "duplicate_keys": "reject"}, {"a": "numeric"}
    )
    sources.run([last, told])
    assert [str(row[0]) for row in sources.rows(last)] == ["2", "3.10"]
    assert [str(row[0]) for row in sources.rows(told)] == ["3.10"]
    (reject,) = sources.rejects(told)
    assert (reject["line"], "the key 'a' is there twice" in reject["reason"]) == (1, True)
