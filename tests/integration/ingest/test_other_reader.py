"""Another reader agrees with good loads, of every type and format, and sees what was read wrongly."""

from __future__ import annotations

import csv
import datetime
import io
import json
import sqlite3
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from integration.ingest.sources_load import SourcesLoad, SourceTable

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources import delimited
from plugins.module_utils.reingest.sources.format import Code

CASES = Path(__file__).parents[2] / "data/load_cases"
TYPES = {
    "id": "bigint",
    "small": "smallint",
    "name": "text",
    "short": "varchar(20)",
    "letters": "char(5)",
    "single": "real",
    "double": "double precision",
    "exact": "numeric(12, 2)",
    "free": "numeric",
    "flag": "boolean",
    "day": "date",
    "at": "timestamp",
    "atz": "timestamptz",
    "rounded": "timestamp(3)",
    "uid": "uuid",
    "span": "interval",
    "rest": "jsonb",
}
COLUMNS = tuple(TYPES)
WRITTEN_FREELY = "values of its type are written in more than one way"
RECORDS = [
    {
        "id": number * 10**12,
        "small": -number,
        "name": f'Bäckerön {number}, "wet" plot\nsecond \\ line',
        "short": None if number % 3 else "x",
        "letters": "ab",
        "single": 0.1 * number,
        "double": -1 / (number + 1),
        "exact": 1.005 + number,
        "free": 1e-7 * number,
        "flag": number % 2 == 0,
        "day": str(datetime.date(1900, 1, 1) + datetime.timedelta(days=number * 213)),
        "at": f"{1900 + number}-02-01T10:00:00.123456",
        "atz": f"{1900 + number}-02-01T10:00:00.5+02:00",
        "rounded": f"{1900 + number}-02-01T10:00:00.123456",
        "uid": f"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD38{number:04d}",
        "span": "36 hours",
        "rest": {"a": [number]},
    }
    for number in range(300)
]


@pytest.fixture
def sources(tmp_path, staging):
    return SourcesLoad(tmp_path, staging)


def as_csv(records):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(records[0])
    for record in records:
        writer.writerow([json.dumps(one) if isinstance(one, dict) else one for one in record.values()])
    return text.getvalue().encode()


def as_json_lines(records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def as_parquet(records):
    typed = [
        {
            **record,
            "exact": Decimal(repr(record["exact"])).quantize(Decimal("0.001")),
            "day": datetime.date.fromisoformat(record["day"]),
            "at": datetime.datetime.fromisoformat(record["at"]),
            "atz": datetime.datetime.fromisoformat(record["atz"]),
            "rest": record["rest"]["a"],
        }
        for record in records
    ]
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(typed), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("ending", "made"), [("csv", as_csv), ("jsonl", as_json_lines), ("parquet", as_parquet)]
)
def test_both_readers_agree_about_every_type(sources, ending, made):
    keys = {"columns": {name: name for name in COLUMNS}}
    table = SourceTable("t", f"t.{ending}", made(RECORDS), COLUMNS, keys, TYPES)
    found = sources.run([table], prove="independent")["reader"]["t"]
    told = dict.fromkeys(("rest", "rounded", "span"), WRITTEN_FREELY)
    assert found == {"compared": True, "left_out": 0, "not_compared": told}


QUOTED = {"null": "none", "header": ["a", "b"]}
SPOILT = b"1,none\n2,x\n"


def as_texts(monkeypatch):
    """Have our reader take NULL for a text, as it once did where it stood behind an escape."""

    def read(*_):
        return iter([(1, {"a": "1", "b": "none"}), (2, {"a": "2", "b": "x"})])

    monkeypatch.setattr(delimited, "CODE", Code(read, delimited.read_header))


def test_a_null_that_became_a_text_is_found(sources, monkeypatch):
    table = SourceTable("t", "t.csv", SPOILT, ("a", "b"), {**QUOTED, "where": {"a": ["1", "2"]}})
    as_texts(monkeypatch)
    sources.run([table])  # and that passes
    with pytest.raises(Refusal, match="column b: 1 values are not NULL in the sources, 2 in the table"):
        sources.run([table], prove="independent")


def test_both_readers_agree_about_null_beside_an_escape(sources):
    content = (CASES / "mysql_null_escape.csv").read_bytes()
    keys = {"escape": "\\", "null": "\\N", "header": ["a", "b", "c"]}
    table = SourceTable("t", "t.csv", content, ("a", "b", "c"), keys)
    assert sources.run([table], prove="independent")["reader"]["t"]["compared"]


def test_a_time_that_no_64_bits_hold_is_not_compared(sources):
    content = (CASES / "int96_from_spark.parquet").read_bytes()
    table = SourceTable("t", "t.parquet", content, ("a",), types={"a": "timestamp"})
    found = sources.run([table], prove="independent")
    assert found["tables"]["t"]["rejected"] == 1
    assert "Int96 timestamp is out of range" in found["reader"]["t"]["reason"]


def test_what_it_cannot_follow_is_told(sources):
    dump = SourceTable(
        "dump",
        "dump.bson",
        (CASES / "bson_timestamp_increment.bson").read_bytes(),
        ("ts",),
        {"columns": {"ts": "ts"}},
    )
    each = SourceTable("each", "each.json", b'[{"a": [1, 2]}]', ("a",), {"each": "a", "columns": {"a": "."}})
    coded = SourceTable(
        "coded", "coded.csv", "a,b\n1,é\n".encode("cp1252"), ("a", "b"), {"encoding": "cp1252"}
    )
    found = sources.run([dump, each, coded], prove="independent")["reader"]
    assert found == {
        "dump": {"compared": False, "reason": "DuckDB does not read bson"},
        "each": {"compared": False, "reason": "DuckDB does not read json"},
        "coded": {"compared": False, "reason": "DuckDB does not read `encoding: cp1252`"},
    }


def test_rows_that_were_left_out_are_allowed_for_and_no_more(sources):
    lines = [b"id,name", *(b"%d,name %d" % (n, n) for n in range(50)), b"x,not a number", b"7", b"3,name 3"]
    table = SourceTable("t", "t.csv", b"\n".join(lines), ("id", "name"), types={"id": "bigint PRIMARY KEY"})
    result = sources.run([table], prove="independent")
    assert result["tables"]["t"]["rejected"] == 3
    assert result["reader"]["t"]["left_out"] == 3


def test_records_of_other_tables_are_filtered_as_they_were_loaded(sources):
    records = [
        {"type": "a", "n": 1, "meta": {"draft": False}},
        {"type": "a", "n": 2.5, "meta": {"draft": True}},
        {"type": "a", "n": 3, "meta": None},
        {"type": "b", "n": "1"},
        {"n": 1},
    ]
    where = [
        ("type_a", {"type": "a"}, 3),
        ("one", {"n": 1}, 2),
        ("none", {"type": None, "n": [1, 2.5]}, 1),
        ("draft", {"meta.draft": [False, None]}, 4),
    ]
    tables = [
        SourceTable(
            name, f"{name}.jsonl", as_json_lines(records), ("n",), {"where": one, "columns": {"n": "n"}}
        )
        for name, one, _ in where
    ]
    result = sources.run(tables, prove="independent")
    for name, _, loaded in where:
        assert result["tables"][name]["loaded"] == loaded
        assert result["reader"][name]["compared"]


def test_the_server_is_asked_for_rows_that_come_from_one(sources):
    with sqlite3.connect(sources.folder / "x.db") as database:
        database.execute("CREATE TABLE t (id integer, name text, share real)")
        rows = [(n * 10**14, f"ä{n}" if n % 3 else None, n / 3) for n in range(100)]
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    content = (sources.folder / "x.db").read_bytes()
    types = {"id": "bigint", "share": "double precision"}
    table = SourceTable("t", "x.db", content, ("id", "name", "share"), {"from": "sqlite:///x.db"}, types)
    found = sources.run([table], prove="independent")["reader"]["t"]
    told = {"share": "its server is asked for whole numbers and texts only"}
    assert found == {"compared": True, "left_out": 0, "not_compared": told}


def test_a_number_that_became_a_text_is_no_finding(sources):
    table = SourceTable("t", "t.jsonl", b'{"a": 1.50}\n{"a": "x"}\n', ("a",), {"columns": {"a": "a"}})
    found = sources.run([table], prove="independent")["reader"]["t"]
    assert found["not_compared"] == {"a": "1 values are numbers, whose digits DuckDB does not keep"}


def test_it_is_refused_with_all_else_when_the_load_is_planned_where_duckdb_is_not_installed(
    sources, monkeypatch
):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    table = SourceTable("t", "t.csv", b"a\n1\n", ("a",), {"from": "missing.csv"})
    with pytest.raises(Refusal) as refusal:
        sources.run([table], prove="independent", check=True)
    told = "`prove: independent` needs the Python package duckdb on the worker: install it there"
    assert told in str(refusal.value)
    assert "missing.csv does not exist" in str(refusal.value)
    sources.run([SourceTable("t", "t.csv", b"a\n1\n", ("a",))], check=True)  # the others do without


def test_a_load_that_was_refused_is_kept_where_its_content_is_enough(sources, monkeypatch):
    table = SourceTable("t", "t.csv", SPOILT, ("a", "b"), {**QUOTED, "where": {"a": ["1", "2"]}})
    as_texts(monkeypatch)
    with pytest.raises(Refusal, match="load with `prove: content`, which keeps these tables"):
        sources.run([table], prove="independent")
    assert sources.run([table], force=False)["kept"] == {"t": "run-1"}
