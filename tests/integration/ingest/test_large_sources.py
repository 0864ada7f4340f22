"""Sources large enough to be split over streams: every row arrives once, however the cuts fall."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import Counter

import pytest
from integration.ingest.csv_oracle import Form, expected, written
from integration.ingest.sources_load import SourceTable
from tiers import sample

SIZE = 8 << 20  # bytes of a source, at least: two streams get several blocks each
NAMES = ("id", "a", "b")


def filled(make_row):
    """Return rows until their text is large; the same every time."""
    chance = random.Random(7)
    rows, size, number = [], 0, 0
    while size < SIZE:
        row = [str(number), *make_row(chance, number)]
        rows.append(row)
        size += sum(map(len, row)) + 3
        number += 1
    return rows


def plain(chance, number):
    return ["x" * chance.randrange(150), f"row {number} é"]


def newlines(chance, _):
    return [
        chance.choice(["\n", '"\n"', '",\n', "\r\n", 'a"\n1,2,3\n"b']) * chance.randrange(1, 60),
        "\n1,x,y\n",
    ]


def like_records(chance, number):
    """Hold in a field what looks like records, so that a cut that counts no quotes is wrong."""
    return ["".join(f"{number},x,y\n" for _ in range(chance.choice([0, 1, 3000]))), ""]


def quotes_alone(chance, _):
    """Hold quotes, and so an odd number of marks on most lines."""
    return [chance.choice(['"', '"\n', '\n"', '""\n"']) * 30, '"' * chance.randrange(40)]


FILES = {
    "plain": (plain, Form(), {"quoting": csv.QUOTE_MINIMAL}, "\n"),
    "no last newline": (plain, Form(), {"quoting": csv.QUOTE_MINIMAL}, "\n"),
    "crlf": (plain, Form(), {"quoting": csv.QUOTE_ALL}, "\r\n"),
    "cr": (plain, Form(), {"quoting": csv.QUOTE_ALL}, "\r"),
    "newlines in quotes": (newlines, Form(), {"quoting": csv.QUOTE_ALL}, "\n"),
    "like records": (like_records, Form(), {"quoting": csv.QUOTE_MINIMAL}, "\r\n"),
    "quotes alone": (quotes_alone, Form(), {"quoting": csv.QUOTE_ALL}, "\n"),
    "other marks": (newlines, Form(delimiter=";", quote="'"), {"quoting": csv.QUOTE_ALL}, "\n"),
    "escaped": (newlines, Form(escape="\\"), {"quoting": csv.QUOTE_ALL, "doublequote": False}, "\n"),
    "not quoted": (plain, Form(delimiter="\t", quote=""), {"quoting": csv.QUOTE_NONE}, "\n"),
    "utf-16": (newlines, Form(encoding="utf-16"), {"quoting": csv.QUOTE_ALL}, "\n"),
}


def written_file(name):
    make_row, form, options, end = FILES[name]
    rows = filled(make_row)
    text = written([NAMES, *rows], form, lineterminator=end, **options)
    return rows, form, text[: -len(end)] if name == "no last newline" else text


@pytest.mark.parametrize("name", sample(FILES, "newlines in quotes", "utf-16"))
def test_every_row_of_a_large_csv_arrives_once(sources, name):
    rows, form, text = written_file(name)
    table = SourceTable("t", "t.csv", form.bytes_of(text), NAMES, form.keys(), {"id": "bigint"})
    result = sources.run([table], on_reject=None, max_rejects=None)
    assert result["tables"]["t"]["loaded"] == len(rows)
    assert Counter(sources.rows(table)) == Counter(
        (int(row[0]), *(one or None for one in row[1:])) for row in rows
    )


def test_quotes_in_unquoted_fields_begin_nothing(sources):
    chance = random.Random(7)
    lines = [",".join(NAMES)]
    for number in range(200_000):
        note = chance.choice(['5" disk', '"two\nlines"', 'a"b"c', 'said ""so""', '"a ""b"""', "none at all"])
        lines.append(f"{number},{note},{'x' * chance.randrange(60)}")
    text = "\n".join(lines)
    good, bad = expected(text, Form(), 3)
    table = SourceTable("t", "t.csv", text.encode(), NAMES, {}, {"id": "bigint"})
    sources.run([table], on_reject=None, max_rejects=None)
    assert not bad
    assert Counter(sources.rows(table)) == Counter((int(row[0]), *row[1:]) for _, row in good)


@pytest.mark.parametrize("name", sample(["plain", "newlines in quotes", "crlf"], "crlf"))
def test_bad_rows_of_a_large_csv_are_all_set_aside_with_their_lines(sources, name):
    make_row, form, options, end = FILES[name]
    rows = filled(make_row)
    for at in range(100, len(rows), 997):
        rows[at] = ["many", *rows[at][1:]] if at % 2 else rows[at][:2]
    text = written([NAMES, *rows], form, lineterminator=end, **options)
    good, bad = expected(text, form, 3)
    bad += [line for line, row in good if row[0] == "many"]
    table = SourceTable("t", "t.csv", form.bytes_of(text), NAMES, form.keys(), {"id": "bigint"})
    result = sources.run([table], max_rejects="1%")
    assert result["tables"]["t"]["read"] == len(rows)
    assert sorted(one["line"] for one in sources.rejects(table)) == sorted(bad)
    assert len(bad) > 10
    assert Counter(sources.rows(table)) == Counter(
        (int(row[0]), *row[1:]) for _, row in good if row[0] != "many"
    )


@pytest.mark.parametrize("packed", sample([False, True], True))
def test_every_record_of_large_json_lines_arrives_once_and_bad_lines_are_told(sources, packed):
    records = [{"id": int(row[0]), "a": row[1], "more": {"b": row[2]}} for row in filled(newlines)]
    lines = [json.dumps(record, ensure_ascii=number % 2 == 0) for number, record in enumerate(records)]
    bad = list(range(100, len(lines), 997))
    for at in bad:
        lines[at] = lines[at][:-1]
    for at in reversed(bad):
        del records[at]
    content = "\r\n".join(lines).encode()
    keys = {"columns": {"id": "id", "a": "a", "rest": "*"}}
    name = "t.jsonl.gz" if packed else "t.jsonl"
    types = {"id": "bigint", "rest": "jsonb"}
    table = SourceTable(
        "t", name, gzip.compress(content, 1) if packed else content, ("id", "a", "rest"), keys, types
    )
    sources.run([table], max_rejects="1%")
    assert sorted(one["line"] for one in sources.rejects(table)) == [at + 1 for at in bad]
    loaded = sorted(sources.rows(table))
    assert loaded == [(record["id"], record["a"], {"more": record["more"]}) for record in records]
