"""The benchmark's files: the same records in every format, the same every time, and written only once."""

from __future__ import annotations

import csv
import datetime
import gzip
import hashlib
import itertools
import json

import pyarrow.parquet
import pytest
from bench.load.files import write_files
from bench.load.records import FIELDS, records

ROWS = 2_000
DIGEST = "6aa93725b77b314eb90848097df949f054cfaf784e31a89daf9edc9050c4d492"  # of the first 1,000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "data"
    write_files(folder, ROWS)
    return folder


def texts(record):
    return ["" if value is None else str(value) for value in record]


def test_the_records_are_the_same_on_every_machine():
    content = json.dumps(list(records(1_000)), ensure_ascii=False)
    assert hashlib.sha256(content.encode()).hexdigest() == DIGEST


def test_fewer_records_are_the_first_of_more():
    assert list(records(50)) == list(itertools.islice(records(ROWS), 50))


def test_the_records_hold_what_readers_find_hard():
    made = list(records(ROWS))
    assert len({record[0] for record in made}) == ROWS
    names = [record[1] for record in made]
    assert 0.02 < sum('"' in name and "," in name for name in names) / ROWS < 0.05
    assert any("\n" in name for name in names)
    assert any(not name.isascii() for name in names)
    for field in ("depth_cm", "latitude", "longitude", "collected", "ecosystem"):
        assert 0 < sum(record[FIELDS.index(field)] is None for record in made) < ROWS / 5, field


@pytest.mark.parametrize("name", ["biosample.csv", "biosample.csv.gz"])
def test_csv_holds_the_records(folder, name):
    opened = gzip.open if name.endswith(".gz") else open
    with opened(folder / name, "rt", encoding="utf-8", newline="") as stream:
        header, *found = csv.reader(stream)
    assert header == list(FIELDS)
    assert found == [[*texts(record[:-1]), str(record[-1]).lower()] for record in records(ROWS)]


def test_json_lines_hold_the_records_with_their_types(folder):
    with gzip.open(folder / "biosample.jsonl.gz", "rt", encoding="utf-8") as stream:
        found = [json.loads(line) for line in stream]
    assert found == [dict(zip(FIELDS, record)) for record in records(ROWS)]


def test_parquet_holds_the_records_with_their_types(folder):
    found = pyarrow.parquet.read_table(folder / "biosample.parquet").to_pylist()
    day, moment = FIELDS.index("collected"), FIELDS.index("modified")
    expected = [list(record) for record in records(ROWS)]
    for record in expected:
        record[day] = record[day] and datetime.date.fromisoformat(record[day])
        record[moment] = datetime.datetime.fromisoformat(record[moment].replace("Z", "+00:00"))
    assert found == [dict(zip(FIELDS, record)) for record in expected]


def test_the_totals_are_those_of_the_records(folder):
    made = list(records(ROWS))
    assert json.loads((folder / "totals.json").read_text()) == {
        "rows": ROWS,
        "size": sum(record[FIELDS.index("file_size_bytes")] for record in made),
        "names": sum(len(record[FIELDS.index("name")]) for record in made),
        "placed": sum(record[FIELDS.index("latitude")] is not None for record in made),
    }


def test_complete_files_are_kept_and_others_are_made_anew(tmp_path):
    folder = tmp_path / "data"
    write_files(folder, 10)
    before = (folder / "biosample.csv").stat()
    write_files(folder, 10)
    assert (folder / "biosample.csv").stat() == before
    (folder / "complete").write_text("another generator")
    (folder / "biosample.csv").write_text("half")
    write_files(folder, 10)
    assert (folder / "biosample.csv").stat().st_size == before.st_size
