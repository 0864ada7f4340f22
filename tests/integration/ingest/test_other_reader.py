"""Another reader agrees with good loads, of every type and format, and sees what was read wrongly."""

from __future__ import annotations

import datetime
import io
import json
from decimal import Decimal

import pyarrow
import pyarrow.parquet
import pytest
from integration.ingest.sources_load import SourcesLoad, SourceTable

from plugins.module_utils.reingest.errors import Refusal

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
    "uid": "uuid",
    "span": "interval",
    "rest": "jsonb",
}
RECORDS = [
    {
        "id": number,
        "small": -number,
        "name": f'Bäckerön {number}, "wet" plot\nsecond line',
        "short": None if number % 3 else "x",
        "letters": "ab",
        "single": 0.1 * number,
        "double": -1 / (number + 1),
        "exact": 1.005 + number,
        "free": 1e-7 * number,
        "flag": number % 2 == 0,
        "day": str(datetime.date(1960, 1, 1) + datetime.timedelta(days=number * 13)),
        "at": f"{1900 + number}-02-01T10:00:00.123456",
        "atz": f"{1900 + number}-02-01T10:00:00.5+02:00",
        "uid": f"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD38{number:04d}",
        "span": "36 hours",
        "rest": {"a": [number]},
    }
    for number in range(300)
]
COLUMNS = tuple(TYPES)


@pytest.fixture
def sources(tmp_path, staging):
    return SourcesLoad(tmp_path, staging)


def as_csv(records):
    import csv

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records:
        writer.writerow([json.dumps(v) if isinstance(v, dict) else v for v in record.values()])
    return text.getvalue().encode()


def as_json_lines(records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def as_parquet(records):
    parsed = [
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
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(parsed), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("ending", "made"), [("csv", as_csv), ("jsonl", as_json_lines), ("parquet", as_parquet)]
)
def test_both_readers_agree_about_every_type(sources, ending, made):
    keys = {"columns": {name: name for name in COLUMNS}}
    table = SourceTable("t", f"t.{ending}", made(RECORDS), COLUMNS, keys, TYPES)
    result = sources.run([table], prove="independent")
    print(result["reader"])
    assert result["reader"]["t"]["compared"]
    assert sorted(result["reader"]["t"]["not_compared"]) == ["rest", "span"]


from pathlib import Path

CASES = Path(__file__).parents[2] / "data/load_cases"


@pytest.mark.parametrize(
    ("name", "columns", "keys", "types"),
    [
        (
            "mysql_null_escape.csv",
            ("a", "b", "c"),
            {"escape": "\\", "null": "\\N", "header": ["a", "b", "c"]},
            {},
        ),
        ("int96_from_spark.parquet", ("a",), {}, {"a": "timestamp"}),
        ("pq_date_bc.parquet", ("id", "t"), {}, {"t": "date"}),
        ("pq_bad_utf8.parquet", ("id", "t"), {}, {}),
        ("bson_timestamp_increment.bson", ("_id",), {"columns": {"_id": "_id"}}, {}),
    ],
)
def test_case(sources, name, columns, keys, types):
    table = SourceTable("t", name, (CASES / name).read_bytes(), columns, keys, types)
    r = sources.run([table], prove="independent")
    print(r["reader"], r["tables"], sources.rows(table))


def test_sqlite(sources):
    import sqlite3

    c = sqlite3.connect(sources.folder / "x.db")
    c.execute("create table t(id integer, name text, n integer, w real)")
    c.executemany(
        "insert into t values(?,?,?,?)",
        [(i, f"ä{i}" if i % 3 else None, i * 10**15, i / 3) for i in range(100)],
    )
    c.commit()
    c.close()
    db = (sources.folder / "x.db").read_bytes()
    table = SourceTable(
        "t",
        "x.db",
        db,
        ("id", "name", "n", "w"),
        {"from": "sqlite:///x.db"},
        {"id": "bigint", "n": "bigint", "w": "float8"},
    )
    r = sources.run([table], prove="independent")
    print(r["reader"])
