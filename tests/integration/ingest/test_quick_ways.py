"""The quick ways give the same table as the rows do, whatever is in the sources and however many streams."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import random
import threading

import pyarrow
import pyarrow.parquet
import pytest
from psycopg2.extras import execute_values
from tiers import full, sample
from waiting import wait_for

from plugins.module_utils.reingest.errors import Refusal

COLUMNS = """
    id text PRIMARY KEY, name text NOT NULL, depth integer, size bigint, lat double precision, share real,
    cost numeric, seen date, at timestamptz, flag boolean, rest jsonb
"""
ROWS = 60_000  # more than 8 MB: a small table is not worth a second stream
NAMES = ["Jürgen", 'the "river"', "lake, deep", "line\nline", "back\\slash", "tab\there", "", "\\N"]
NULL = "NA"


def record(number):
    """Return one record, with texts that are quoted or escaped, and values in more than one form."""
    dice = random.Random(number)
    return {
        "id": f"gold:Gb{number:08d}",
        "name": dice.choice(NAMES) + "x" * dice.randrange(100) * (number % 2),
        "depth": dice.randrange(-5000, 5000) if number % 10 else None,
        "size": dice.randrange(10**15),
        "lat": dice.uniform(-90, 90),
        "share": dice.randrange(1000) / 8,
        "cost": dice.randrange(1000) / 4,
        "seen": f"20{dice.randrange(10, 25)}-0{dice.randrange(1, 10)}-1{dice.randrange(10)}",
        "at": f"2021-02-01 0{dice.randrange(10)}:{dice.randrange(10, 60)}:00+0{dice.randrange(2)}",
        "flag": dice.random() < 0.5,
        "rest": {"a": [1.5, None, dice.choice(NAMES)], "b": {"c": "[{"}}
        if number % 3
        else dice.choice(NAMES),
    }


RECORDS = [record(number) for number in range(ROWS)]


def as_csv(records):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(records[0])
    for one in records:
        writer.writerow(
            NULL
            if value is None
            else value
            if isinstance(value, str) and name != "rest"
            else json.dumps(value)
            for name, value in one.items()
        )
    return out.getvalue().encode()


def as_lines(records):
    return "".join(
        json.dumps(one, ensure_ascii=number % 2 == 0) + "\n" for number, one in enumerate(records)
    ).encode()


@pytest.fixture
def loaded(loaded):
    """Load, with these columns where no others are given."""

    def load(files, **given):
        return loaded(files, **{"columns": COLUMNS, **given})

    return load


MAPPING = "    columns: {" + ", ".join(f"{name}: {name}" for name in RECORDS[0]) + "}\n"


@pytest.fixture(scope="module")
def truth(server_factory, tmp_path_factory):
    """Return the rows as an INSERT of each makes them."""
    server = server_factory()
    server.rows(f"CREATE TABLE sample ({COLUMNS})")
    connection = server.connect()
    with connection.cursor() as cursor:
        values = [[*list(one.values())[:-1], json.dumps(one["rest"])] for one in RECORDS]
        execute_values(cursor, "INSERT INTO sample VALUES %s", values, page_size=5000)
    connection.close()
    return [row for (row,) in server.rows("SELECT sample::text FROM sample ORDER BY id")]


FORMS = {
    "csv": (as_csv, f"    'null': {NULL}\n"),
    "jsonl": (as_lines, MAPPING),
}


@pytest.mark.parametrize(
    ("streams", "prove"),
    [pytest.param(1, "counts", marks=full), (3, "content"), pytest.param(3, "counts", marks=full)],
)
@pytest.mark.parametrize("packed", sample([False, True], False))
@pytest.mark.parametrize("form", FORMS)
def test_every_row_is_the_one_that_was_written(loaded, truth, form, packed, streams, prove):
    write, more = FORMS[form]
    content = write(RECORDS)
    files = {f"a.{form}.gz": gzip.compress(content, 1)} if packed else {f"a.{form}": content}
    rows, way = loaded(files, streams=streams, prove=prove, more=more)
    assert rows == truth
    assert way == f"quick x {streams}"


@pytest.mark.parametrize("form", sample(FORMS, "jsonl"))
def test_several_files_are_shared_out_like_one(loaded, truth, form):
    write, more = FORMS[form]
    files = {f"{name}.{form}": write(RECORDS[name::3]) for name in range(3)}
    rows, way = loaded(files, streams=2, more=more)
    assert (rows, way) == (truth, "quick x 2")


@pytest.mark.parametrize(
    ("spoil", "bad"),
    [
        (lambda text: text.replace(b"gold:Gb00040000,", b'5" x,', 1), '5" x'),
        pytest.param(
            lambda text: text.replace(b"\ngold:Gb00050000", b"\r\ngold:Gb00050000", 1),
            "gold:Gb00050000",
            marks=full,
        ),
    ],
    ids=["a quote in a field", "another line end"],
)
def test_a_file_that_is_not_regular_to_its_end_is_loaded_all_the_same(loaded, spoil, bad):
    content = spoil(as_csv(RECORDS))
    rows, way = loaded({"a.csv": content}, streams=2, more=FORMS["csv"][1])
    assert (len(rows), way) == (ROWS, "rows x 1")
    assert any(bad in row.replace('""', '"') for row in rows)


@full
def test_a_text_that_says_null_is_not_null(loaded):
    lines = b"".join(b'{"id": "%d", "name": "null", "rest": "null"}\n' % number for number in range(300_000))
    columns, mapping = "id text, name text, rest jsonb", "    columns: {id: id, name: name, rest: rest}\n"
    for prove in ("counts", "content"):
        rows, _ = loaded({"a.jsonl": lines}, streams=2, prove=prove, more=mapping, columns=columns)
        assert {row.partition(",")[2] for row in rows} == {'null,"""null""")'}


def test_the_rest_of_a_record_is_complete_and_an_empty_one_an_object(loaded):
    lines = "".join(
        json.dumps({"id": str(number), **({"x": [number, {"y": 'a"b'}]} if number % 2 else {})}) + "\n"
        for number in range(300_000)
    )
    columns, mapping = "id text, rest jsonb", "    columns: {id: id, rest: '*'}\n"
    rows, way = loaded({"a.jsonl": lines.encode()}, streams=2, more=mapping, columns=columns)
    assert way == "quick x 2"
    assert rows.count("(0,{})") == 1
    assert r'(1,"{""x"": [1, {""y"": ""a\\""b""}]}")' in rows


@pytest.mark.parametrize("value", sample(['{"a": 1}', "[]", "{}", "[5]"], "[]"))
def test_an_object_where_the_column_takes_one_value_is_told_with_its_line(loaded, value):
    lines = [f'{{"id": "{number}", "name": "[{{ x"}}\n' for number in range(300_000)]
    lines[200_000] = f'{{"id": "x", "name": {value}}}\n'
    columns, mapping = "id text, name text", "    columns: {id: id, name: name}\n"
    with pytest.raises(Refusal, match=r"a\.jsonl:200001: table sample, column name"):
        loaded({"a.jsonl": "".join(lines).encode()}, streams=2, more=mapping, columns=columns)


@full
def test_a_key_that_no_record_has_is_told(loaded):
    lines = b"".join(b'{"id": "%d"}\n' % number for number in range(700_000))
    columns, mapping = "id text, name text", "    columns: {id: id, name: nam}\n"
    with pytest.raises(Refusal, match="the path nam occurs in no record"):
        loaded({"a.jsonl": lines}, streams=2, more=mapping, columns=columns)


def test_a_mapping_that_only_python_knows_is_split_as_well(loaded):
    lines = b"".join(
        b'{"id": {"n": "%d"}, "tags": ["a", "b"], "kind": "x"}\n' % number for number in range(200_000)
    )
    columns, mapping = "id text, tags text[]", "    columns: {id: id.n, tags: [tags, labels]}\n"
    rows, way = loaded({"a.jsonl": lines}, streams=2, more=mapping, columns=columns)
    assert (way, len(rows), rows[0]) == ("quick x 2", 200_000, '(0,"{a,b}")')


def test_parquet_is_the_same_by_columns_and_by_rows(loaded, truth, tmp_path):
    columns = {name: [one[name] for one in RECORDS] for name in RECORDS[0] if name not in ("rest", "cost")}
    columns["seen"] = [datetime.date.fromisoformat(value) for value in columns["seen"]]
    columns["at"] = [datetime.datetime.fromisoformat(value + ":00") for value in columns["at"]]
    schema = {
        "depth": pyarrow.int32(),
        "share": pyarrow.float32(),
        "name": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
    }
    table = pyarrow.table({name: pyarrow.array(values, schema.get(name)) for name, values in columns.items()})
    written = io.BytesIO()
    pyarrow.parquet.write_table(table, written, row_group_size=7_000)
    kept = COLUMNS.replace("cost numeric, ", "").replace(", rest jsonb", "")
    files = {"a.parquet": written.getvalue()}
    quick, way = loaded(files, streams=3, prove="content", columns=kept)
    assert way == "quick x 3"
    one, way = loaded(files, streams=1, prove="counts", columns=kept)
    assert (one, way) == (quick, "quick x 1")
    # a column of another type than the field's: row by row, and the same values
    rows, way = loaded(files, streams=1, columns=kept.replace("size bigint", "size numeric"))
    assert way == "rows x 1"
    assert rows == quick


def test_a_server_that_ends_a_stream_ends_the_load_with_a_refusal(loaded, staging):
    columns = COLUMNS + ", CHECK (pg_sleep(0.01) IS NOT NULL)"  # minutes, unless it is ended
    copying = "SELECT pid FROM pg_stat_activity WHERE datname = 'quick' AND query LIKE 'COPY%sample%'"

    def end():
        ((pid,), *_) = wait_for(lambda: staging.rows(copying), "a stream copies")
        staging.rows("SELECT pg_terminate_backend(%(pid)s)", pid=pid)

    ender = threading.Thread(target=end)
    ender.start()
    with pytest.raises(Refusal, match=r"table sample: .*; look at the staging server and its log"):
        loaded({"a.csv": as_csv(RECORDS)}, streams=2, more=FORMS["csv"][1], columns=columns)
    ender.join()


def test_keys_and_indexes_are_built_and_hold(loaded):
    more = FORMS["csv"][1]
    columns = COLUMNS + ", UNIQUE (size), EXCLUDE (size WITH =)"
    rows, way = loaded({"a.csv": as_csv(RECORDS)}, streams=3, more=more, columns=columns)
    assert (len(rows), way) == (ROWS, "quick x 3")


def test_keys_are_those_of_the_schema_though_their_indexes_are_built_alone(loaded, staging):
    columns = """
        id text, name text NOT NULL, depth integer, size bigint, lat double precision, share real,
        cost numeric, seen date, at timestamptz, flag boolean, rest jsonb,
        CONSTRAINT "the %key" PRIMARY KEY (id) INCLUDE (size) WITH (fillfactor = 70),
        CONSTRAINT later UNIQUE (size) DEFERRABLE INITIALLY DEFERRED, UNIQUE (seen, id) DEFERRABLE,
        UNIQUE NULLS NOT DISTINCT (depth, id), EXCLUDE (size WITH =)
    """
    query = (
        "SELECT conname, pg_get_constraintdef(k.oid), pg_get_indexdef(conindid), condeferrable, condeferred,"
        " obj_description(k.oid, 'pg_constraint')"
        " FROM pg_constraint k WHERE conrelid = 'sample'::regclass AND contype <> 'n' ORDER BY 1"
    )
    behind = "COMMENT ON CONSTRAINT later ON sample IS 'told'"
    staging.rows("DROP DATABASE IF EXISTS plain")
    staging.rows("CREATE DATABASE plain")
    staging.rows(f"CREATE TABLE sample ({columns}); {behind}", "plain")
    few = as_csv(RECORDS[:100])
    _, way = loaded({"a.csv": few}, streams=1, more=FORMS["csv"][1], columns=columns, behind=f"{behind};")
    assert way == "quick x 1"
    assert staging.rows(query, "quick") == staging.rows(query, "plain")
    staging.rows("DROP DATABASE plain")


def test_a_key_that_is_there_twice_is_found_after_the_copy(loaded):
    twice = as_csv([*RECORDS, {**RECORDS[0], "name": "another"}])
    with pytest.raises(
        Refusal, match=r"rows of the key \(id\) = \(gold:Gb00000000\) have different contents"
    ):
        loaded({"a.csv": twice}, streams=2, more=FORMS["csv"][1])
    again = as_csv([*RECORDS, *RECORDS[:3]])
    rows, way = loaded({"a.csv": again}, streams=2, more=FORMS["csv"][1] + "    duplicates: drop\n")
    assert (len(rows), way) == (ROWS, "quick x 2")
