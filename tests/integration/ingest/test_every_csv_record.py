"""Every record of generated CSV comes back equal from a real load, or is rejected with its line."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.ingest.csv_oracle import Form, NeverClosedError, expected, written
from integration.ingest.sources_load import ONE_LOAD, SourceTable
from tiers import full

from plugins.module_utils.reingest.errors import Refusal

SPECTRUM = Path(__file__).parents[2] / "data" / "csv_spectrum"
PIECES = ["a", "c1", "0", " ", "é", "\\", "\\.", "\\N", "'", "|", ";", "\t", "\x0b", "\x85", "NULL", "\ufeff"]
ENDS = ["\n", "\r\n", "\r"]


def forms():
    """Draw how a file is written; half of them as most files are."""
    plain = st.builds(Form, delimiter=st.sampled_from(",,;|\t"), null=st.sampled_from(["", "", "\\N", "a"]))
    any_ = st.builds(
        Form,
        delimiter=st.sampled_from(",;|\t"),
        quote=st.sampled_from(['"', "'", ""]),
        escape=st.sampled_from(["", "\\"]),
        null=st.sampled_from(["", "\\N", "NULL", "a"]),
        header=st.sampled_from([1, 2]),
        skip=st.sampled_from([0, 2]),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16"]),
    )
    return st.one_of(plain, any_)


@st.composite
def regular(draw, form, width):
    """Draw rows as a program writes them: each is good."""
    field = st.lists(st.sampled_from([*PIECES, form.delimiter, '"', '""', *ENDS]), max_size=4).map("".join)
    if not form.quote:
        field = st.sampled_from(["a", "c1", "0", "", "é", "\\.", " "])
    rows = draw(st.lists(st.lists(field, min_size=width, max_size=width), min_size=5, max_size=20))
    quoting = draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])) if form.quote else csv.QUOTE_NONE
    end = draw(st.sampled_from(ENDS)) if quoting != csv.QUOTE_MINIMAL else "\r\n"  # it quotes only its own
    try:
        return written(rows, form, quoting=quoting, lineterminator=end)
    except csv.Error:  # it cannot be written in this form, such as an empty row of one field
        return ""


@st.composite
def nasty(draw, form, width):
    """Draw lines with about the right number of fields, and in them all that is anything in CSV."""
    quote = form.quote or '"'
    marks = [quote, quote * 2, f"a{quote}c{quote}", f"{quote}a{quote}", form.null, form.delimiter, *ENDS]
    rare = ["\0"] if form.encoding != "utf-8" else ["\0", "\udcff"]
    piece = st.one_of(st.sampled_from(PIECES), st.sampled_from([*PIECES, *marks, *marks, *rare]))
    field = st.one_of(st.just(f"{quote}a\n{quote}"), st.lists(piece, max_size=3).map("".join))
    lines = draw(st.lists(st.lists(field, min_size=width, max_size=width), min_size=5, max_size=20))
    ends = [draw(st.sampled_from(["\n", *ENDS, "\n\n", ""])) for _ in lines]
    return "".join(form.delimiter.join(line) + end for line, end in zip(lines, ends))


@st.composite
def files(draw):
    """Draw a file that can be read to its end: form, text, and the names of its fields."""
    form = draw(forms())
    names = [f"f{at}" for at in range(draw(st.integers(1, 4)))]
    end = draw(st.sampled_from(ENDS))
    body = draw(st.one_of(regular(form, len(names)), nasty(form, len(names))))
    above = [f"# it said {form.quote}x", "#"][: form.skip]
    text = "".join(line + end for line in [*above, *[form.delimiter.join(names)] * form.header]) + body
    if form.encoding == "latin-1":
        text = text.encode("latin-1", "replace").decode("latin-1")
    elif form.encoding != "utf-8":
        text = text.encode(form.encoding, "replace").decode(form.encoding)
    return form, text, names


def readable(file):
    form, text, names = file
    try:
        expected(text, form, len(names))
    except NeverClosedError:
        return False
    return True


def whole(text):
    """Return whether PostgreSQL takes a text for an integer."""
    return text is None or (text.strip(" \t\n\v\f\r").isdigit() and text.isascii() and int(text) < 1 << 31)


def table_of(number, file, *, typed=False):
    form, text, names = file
    kinds = {names[0]: "integer"} if typed else {}
    return SourceTable(f"t{number}", f"t{number}.csv", form.bytes_of(text), tuple(names), form.keys(), kinds)


TWENTY = st.lists(st.tuples(files().filter(readable), st.booleans()), min_size=20, max_size=20)


@settings(max_examples=3, **ONE_LOAD)
@given(TWENTY)
def test_every_record_comes_back_equal_or_is_rejected_with_its_line(sources, drawn):
    comes_back(sources, drawn)


@full
@settings(max_examples=12, **ONE_LOAD)
@given(TWENTY)
def test_every_record_of_more_files_comes_back_equal_or_is_rejected_with_its_line(sources, drawn):
    comes_back(sources, drawn)


def comes_back(sources, drawn):
    tables = [table_of(number, file, typed=typed) for number, (file, typed) in enumerate(drawn)]
    result = sources.run(tables)
    for table, ((form, text, names), typed) in zip(tables, drawn):
        good, bad = expected(text, form, len(names))
        if typed:
            bad += [line for line, row in good if not whole(row[0])]
            good = [(line, (row[0] and int(row[0]), *row[1:])) for line, row in good if whole(row[0])]
        told = (form, text)
        assert Counter(sources.rows(table)) == Counter(row for _, row in good), told
        rejects = sources.rejects(table)
        assert sorted(one["line"] for one in rejects) == sorted(bad), told
        assert {one["file"] for one in rejects} <= {str(sources.folder / table.file)}
        counts = result["tables"][table.name]
        assert (counts["read"], counts["loaded"], counts["rejected"]) == (
            len(good) + len(bad),
            len(good),
            len(bad),
        )


@settings(max_examples=8, **ONE_LOAD)
@given(files(), st.booleans())
def test_a_file_with_a_bad_row_is_refused_by_the_line_of_one(sources, file, typed):
    is_refused(sources, file, typed)


@full
@settings(max_examples=25, **ONE_LOAD)
@given(files(), st.booleans())
def test_each_of_more_files_with_a_bad_row_is_refused_by_the_line_of_one(sources, file, typed):
    is_refused(sources, file, typed)


def is_refused(sources, file, typed):
    form, text, names = file
    table = table_of(0, file, typed=typed)
    try:
        good, bad = expected(text, form, len(names))
    except NeverClosedError:
        with pytest.raises(Refusal, match="is not closed"):
            sources.run([table])
        return
    bad += [line for line, row in good if typed and not whole(row[0])]
    if not bad:
        return
    with pytest.raises(Refusal) as caught:
        sources.run([table], on_reject=None, max_rejects=None)
    assert any(f"t0.csv:{line}: " in str(caught.value) for line in bad), (str(caught.value), bad)


def test_the_csv_spectrum_comes_back_whole(sources):
    tables, answers = [], {}
    for path in sorted((SPECTRUM / "csvs").glob("*.csv")):
        (answer,) = [json.loads((SPECTRUM / "json" / f"{path.stem}.json").read_text())]
        if path.stem == "location_coordinates":  # its answer is one object, with another telephone number
            answer = [{**answer, "Contact Phone Number": "2095257564"}]
        answers[path.stem] = answer
        keys = {"null": "<null>"}
        tables.append(SourceTable(path.stem, path.name, path.read_bytes(), tuple(answer[0]), keys))
    sources.run(tables, on_reject=None, max_rejects=None)
    assert len(tables) == 12
    for table in tables:
        loaded = [dict(zip(table.columns, row)) for row in sources.rows(table)]
        assert sorted(loaded, key=repr) == sorted(answers[table.name], key=repr)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b,a\n1,2,3\n", "t.csv:1: the field name 'a' is there twice"),
        (b"a,,b\n1,2,3\n", "t.csv:1: the field name '' is empty"),
        (b"", "t.csv is empty: its first line must name the fields"),
        ("a,b\n1,2\n".encode("utf-16"), "t.csv is UTF-16 by its byte order mark: add `encoding: utf-16`"),
        (b'a,b\n1,"2\n', "t.csv:2: unexpected end of data: a quote that begins there is not closed"),
    ],
)
def test_a_header_that_names_no_fields_and_a_text_that_is_none_are_refused(sources, content, message):
    with pytest.raises(Refusal) as caught:
        sources.run([SourceTable("t", "t.csv", content, ("a", "b"))])
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"a,b\n", b"a,b", b"a,b\r\n\r\n", b"\xef\xbb\xbfa,b\n", b'"a","b"'])
def test_a_file_with_only_a_header_gives_an_empty_table(sources, content):
    table = SourceTable("t", "t.csv", content, ("a", "b"))
    assert sources.run([table])["tables"]["t"]["read"] == 0
    assert sources.rows(table) == []


@pytest.mark.parametrize("content", [b"a\n\\.\nx\n", b"a\r\n\\.\r\nx\r\n", b"a\n\\.\nx", b"a\r\\.\rx\r"])
def test_the_end_mark_of_copy_is_a_text_like_any_other(sources, content):
    table = SourceTable("t", "t.csv", content, ("a",))
    sources.run([table])
    assert sorted(sources.rows(table)) == [("\\.",), ("x",)]
