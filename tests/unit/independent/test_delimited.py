"""DuckDB reads of a file of fields what the loader's own reader reads, whatever a writer writes into it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.module_utils.reingest.dataset.model import Condition
from plugins.module_utils.reingest.independent.engine import UnreadableError
from plugins.module_utils.reingest.independent.kinds import DATE, INSTANT, TRUTH, WHOLE
from plugins.module_utils.reingest.independent.part import NotFollowedError
from plugins.module_utils.reingest.sources.delimited import read_delimited
from plugins.module_utils.reingest.sources.reading import Dialect, Reading

MARKS = [
    "a",
    "b",
    "é",
    '"',
    "'",
    ",",
    ";",
    "\n",
    "\r\n",
    " ",
    "\\",
    "N",
    "NA",
    "#",
    "0",
    "-",
    "😀",
    "\u3000",
]
FIELDS = st.lists(st.sampled_from(MARKS), max_size=6).map("".join)
ROWS = st.lists(st.tuples(FIELDS, FIELDS, FIELDS), max_size=12)
DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quote=st.sampled_from(['"', "'"]),
    null=st.sampled_from(["", "NA", "\\N"]),
    skip=st.sampled_from([0, 2]),
)


def written(rows, dialect, end="\n", quoting=csv.QUOTE_MINIMAL):
    text = io.StringIO()
    text.write(f"comment{end}" * dialect.skip)
    writer = csv.writer(
        text, delimiter=dialect.delimiter, quotechar=dialect.quote, lineterminator=end, quoting=quoting
    )
    writer.writerows([("x", "y", "z"), *rows])
    return text.getvalue()


def figures_of(records, name):
    """Return what the figures of a column of texts must be."""
    values = [record[name] for record in records if record[name] is not None]
    by_bytes = sorted(values, key=str.encode)
    ends = (by_bytes[0][:64], by_bytes[-1][:64]) if values else (None, None)
    size = str(sum(len(value.encode()) for value in values)) if values else None
    return len(values), (size, *ends)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, dialect=DIALECTS, end=st.sampled_from(["\n", "\r\n"]), every=st.booleans())
def test_both_readers_read_the_same(read, texts, folder, rows, dialect, end, every):
    file = folder / "t.csv"
    quoting = csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL
    file.write_bytes(written(rows, dialect, end, quoting).encode())
    records = [record for _, record in read_delimited(file, Reading(format="csv", dialect=dialect))]
    found = read([file], texts("x", "y", "z"), dialect=dialect)
    assert found.rows == len(records)
    for name, column in found.columns.items():
        assert (column.values, tuple(column.figures.values())) == figures_of(records, name)


def test_several_files_are_one_table_whatever_the_order_of_their_fields(read, texts, source):
    files = [source("x,y\n1,a\n", "1.csv"), source("y,other,x\nb,,22\n,,3\n", "2.csv")]
    found = read(files, texts("x", "y"))
    assert (found.rows, found.columns["y"].values, found.columns["x"].figures["bytes"]) == (3, 2, "4")


def test_names_that_are_patterns_are_names(read, texts, source):
    source("x\n1\n", "t1.csv")
    assert read([source("x\n1\n2\n", "t[1]*.csv")], texts("x")).rows == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings_that_duckdb_knows_are_read(read, texts, source, encoding):
    file = source("x,y\né,1\n".encode(encoding))
    assert read([file], texts("x", "y"), encoding=encoding).columns["x"].figures["largest value"] == "é"


@pytest.mark.parametrize(
    ("reading", "told"),
    [
        ({"encoding": "cp1252"}, "DuckDB does not read `encoding: cp1252`"),
        ({"dialect": Dialect(quote="»")}, "DuckDB takes only ASCII as `quote:` and `escape:`"),
    ],
)
def test_what_duckdb_does_not_know_is_not_followed(read, texts, source, reading, told):
    with pytest.raises(NotFollowedError, match=told):
        read([source("x,y\n1,2\n")], texts("x", "y"), **reading)


@pytest.mark.parametrize("text", ["x,y\n1\n", b"x,y\n1,\xff\n"])
def test_a_file_that_is_not_as_declared_is_told_with_its_line(read, texts, source, text):
    with pytest.raises(UnreadableError, match="Line: 2"):
        read([source(text)], texts("x", "y"))


def test_a_record_that_was_set_aside_is_passed_over(read, texts, source):
    found = read([source("x,y\n1,a\n2\n3,c\n")], texts("x", "y"), left_out=1, rejected=True)
    assert (found.rows, found.mode) == (2, "passing")


def test_an_empty_line_of_one_field_may_be_no_record(read, texts, source):
    found = read([source("x\n1\n\n2\n")], texts("x"))
    assert found.rows - found.perhaps == 2


def test_records_of_other_tables_are_left_out(read, texts, source):
    text = "x,y\na,1\nb,2\n,3\na,4\n"
    where = (Condition("x", ("a", None)),)
    assert read([source(text)], texts("y"), where=where).columns["y"].figures["bytes"] == "3"


def test_what_is_no_value_of_the_kind_is_counted_apart(read, source):
    text = "x,y,z,t\n1,1 Jan 1999,yes,2020-01-01T00:00:00Z\n0x1F,1999-01-02,perhaps,noon\n,,,\n"
    kinds = {"x": WHOLE, "y": DATE, "z": TRUTH, "t": INSTANT}
    found = read([source(text)], kinds).columns
    assert {name: (one.values, one.made) for name, one in found.items()} == {
        "x": (2, 2),
        "y": (2, 1),
        "z": (2, 1),
        "t": (2, 1),
    }
