"""Sources as bad as can be: each bad record is told by its line, in little memory."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from integration.ingest.portal_dataset import AUTHORS
from integration.ingest.sources_load import SourceTable
from tiers import full, sample_of

ROOT = Path(__file__).parents[3]
MIB = 1 << 20
PROGRAM = """
import json, re, resource, sys
sys.path.insert(0, sys.argv[1])
from plugins.module_utils.reingest.load.apply import apply_load
from plugins.module_utils.reingest.load.plan import plan_load
from plugins.module_utils.reingest.load.request import LoadRequest, Servers
from pathlib import Path
servers = Servers(sys.argv[3], production_required=False)
plan = plan_load(LoadRequest(Path(sys.argv[2]), servers, force=True))
rejects = Path(sys.argv[4])
loaded = apply_load(plan, staging_dsn=sys.argv[3], run="r", operator="me", processes=2, rejects=rejects)
own = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]  # rusage has pytest's, too
peak = max(int(own), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
print(json.dumps({"peak_mib": peak / 1024, "author": vars(loaded.tables["author"])}))
"""


@pytest.fixture
def load_apart(portal, staging, tmp_path):
    """Load in a process of its own; returns its peak memory, the counts of the authors and their rejects."""

    def run():
        rejects = tmp_path / "rejects"
        command = [
            sys.executable,
            "-c",
            PROGRAM,
            ROOT,
            portal.dataset,
            staging.dsn(),
            rejects,
        ]
        done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
        result = json.loads(done.stdout)
        lines = (rejects / "author.jsonl").read_text().splitlines()
        return result["peak_mib"], result["author"], [json.loads(line) for line in lines]

    return run


def blocks(content, times):
    """Return what unpacks to so many times the content: gzip data may follow each other."""
    return gzip.compress(content) * times


@pytest.mark.parametrize(
    "filling", sample_of({"NUL": b"\0", "text": b"x", "quotes": b'"', "delimiters": b","}, "quotes")
)
def test_a_line_of_a_gigabyte_is_set_aside_in_little_memory(portal, load_apart, filling):
    bomb = gzip.compress(AUTHORS.encode() + b"a3,") + blocks(filling * 16 * MIB, 64)
    bomb += gzip.compress(b"\na4,Emily,,\n" if filling != b'"' else b'"\na4,Emily,,\n')
    assert len(bomb) < 2 * MIB
    (portal.sources / "author.csv.gz").write_bytes(bomb)
    portal.change(
        "from: author.csv",
        "from: author.csv.gz\n    on_reject: quarantine\n    max_rejects: 1",
    )
    peak, author, rejects = load_apart()
    assert (author["read"], author["loaded"], author["rejected"]) == (4, 3, 1)
    assert (rejects[0]["line"], rejects[0]["reason"][:24]) == (4, "longer than 67108864 byt")
    assert len(rejects[0]["value"]) < 1000
    assert peak < 250


def test_a_long_record_within_the_limit_is_loaded(portal, load_apart):
    (portal.sources / "author.csv").write_text(f"{AUTHORS}a3,{'x' * 60 * MIB},,\na4\n")
    portal.change("from: author.csv", "from: author.csv\n    on_reject: quarantine\n    max_rejects: 1")
    peak, author, _ = load_apart()
    assert (author["loaded"], author["rejected"]) == (3, 1)
    assert peak < 60 * 15


@full
def test_many_rows_of_a_small_file_are_loaded_in_little_memory(portal, staging, load_apart):
    rows = gzip.compress(b"".join(b"b%d,%s,,\n" % (number, b"x" * 5000) for number in range(2000)))
    portal.schema(
        "CREATE TABLE author (id text, name text, born date, favourite text);"
        "CREATE TABLE book (id bigint, author_id text, title text, pages int, tags text[], rest jsonb);"
        "CREATE TABLE loan (id bigint);"
    )
    (portal.sources / "author.csv.gz").write_bytes(
        gzip.compress(b"id,name,born,favourite\nonly two,\n") + rows * 20
    )
    portal.change("from: author.csv", "from: author.csv.gz\n    on_reject: quarantine\n    max_rejects: 1")
    peak, author, _ = load_apart()
    assert (author["loaded"], author["rejected"]) == (40_000, 1)
    assert peak < 150  # what a process of a load may take (docs/speed.md); twice the rows take the same


TYPES = {"n": "smallint", "d": "double precision", "m": "numeric(5,2)", "day": "date", "at": "timestamptz"}
COLUMNS = ("id", *TYPES)
VALUES = [
    ("n", "32768", 'value "32768" is out of range for type smallint'),
    ("n", "1.5", "invalid input syntax for type smallint"),
    ("d", "1e400", '"1e400" is out of range for type double precision'),
    ("m", "1000", "numeric field overflow"),
    ("day", "2021-02-30", 'date/time field value out of range: "2021-02-30"'),
    ("day", "0000-00-00", 'date/time field value out of range: "0000-00-00"'),
    ("day", "2021-13-01", 'date/time field value out of range: "2021-13-01"'),
    ("day", "5874898-01-01", 'date out of range: "5874898-01-01"'),
    ("day", "not yet", "invalid input syntax for type date"),
    ("at", "2021-02-01T25:00:00Z", "date/time field value out of range"),
    ("id", "a\0b", "a NUL"),
    ("day", "\\N", "invalid input syntax for type date"),
]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_value_that_the_column_does_not_take_is_told_by_line_column_and_value(sources, kind):
    records = [
        {"id": "good"},
        *({"id": "bad", name: value} for name, value, _ in VALUES),
        {"id": "good", "day": None},
    ]
    if kind == "csv":
        lines = [
            ",".join(COLUMNS),
            *(",".join(str(one.get(name) or "") for name in COLUMNS) for one in records),
        ]
        keys = {}
    else:
        lines = map(json.dumps, records)
        keys = {"columns": {name: {"path": name, "optional": True} for name in COLUMNS}}
    table = SourceTable("t", f"t.{kind}", "\n".join(lines).encode(), COLUMNS, keys, TYPES)
    sources.run([table])
    first = 3 if kind == "csv" else 2
    found = {one["line"]: one for one in sources.rejects(table)}
    assert sorted(found) == list(range(first, first + len(VALUES)))
    for number, (column, value, reason) in enumerate(VALUES, first):
        assert reason in found[number]["reason"]
        if "\0" not in value:
            assert (found[number]["column"], found[number]["value"]) == (column, value)
    assert [row[0] for row in sources.rows(table)] == ["good", "good"]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"\xef\xbb\xbfid,t\n1,\xc3\xa9\n", "utf-8"),
        (b"id,t\r1,\xc3\xa9\r", "utf-8"),
        ("id,t\n1,é\n".encode("utf-16"), "utf-16"),
        ("id,t\r\n1,é".encode("utf-16-be"), "utf-16-be"),
        ("id,t\n1,é\n".encode("latin-1"), "latin-1"),
    ],
    ids=["byte order mark", "CR alone", "UTF-16 with mark", "UTF-16 without mark", "latin-1"],
)
def test_other_encodings_and_line_ends_give_the_same_rows(sources, content, encoding):
    table = SourceTable("t", "t.csv", content, ("id", "t"), {"encoding": encoding})
    sources.run([table], on_reject=None, max_rejects=None)
    assert sources.rows(table) == [("1", "é")]


def test_the_null_text_is_null_and_no_other_is(sources):
    content = b'a,b\n\\N,"\\N"\n,""\nNULL,null\n'
    declared = SourceTable("declared", "a.csv", content, ("a", "b"), {"null": "\\N"})
    default = SourceTable("plain", "b.csv", content, ("a", "b"))
    sources.run([declared, default], on_reject=None, max_rejects=None)
    assert set(sources.rows(declared)) == {(None, None), ("", ""), ("NULL", "null")}
    assert set(sources.rows(default)) == {("\\N", "\\N"), (None, None), ("NULL", "null")}


def test_half_of_a_surrogate_pair_is_bad_in_every_format(sources):
    lines = ['{"a": "\\ud83d\\ude00"}', '{"a": "\\ud83d"}', '{"a": "x\\ude00"}']
    keys = {"columns": {"a": "a"}}
    json_lines = SourceTable("lines", "a.jsonl", "\n".join(lines).encode(), ("a",), keys)
    array = SourceTable("array", "a.json", ("[" + ",\n".join(lines) + "]").encode(), ("a",), keys)
    text = SourceTable(
        "text",
        "a.csv",
        "a\n😀\n\ud83d\nx\ude00".encode("utf-16", "surrogatepass"),
        ("a",),
        {"encoding": "utf-16"},
    )
    sources.run([json_lines, array, text])
    for table, bad in ((json_lines, [2, 3]), (array, [2, 3]), (text, [3, 4])):
        assert [one["line"] for one in sources.rejects(table)] == bad
        assert sources.rows(table) == [("😀",)]
