"""Bad input of every kind is refused by its place and its value, and the next load is clean."""

from __future__ import annotations

import gzip
import os

import pytest
from integration.ingest.portal_dataset import BOOKS

EMMA, NOTES = BOOKS


def notes(**changed):
    """Return two books, the second one with other values."""
    return lambda portal: portal.books([EMMA, {**NOTES, **changed}])


def more(**changed):
    """Return the books and, once more, the first one with other values."""
    return lambda portal: portal.books([EMMA, NOTES, {**EMMA, **changed}])


def authors(text):
    return lambda portal: portal.authors(text)


def lines(text):
    return lambda portal: portal.book_lines(text)


def change(old, new):
    return lambda portal: portal.change(old, new)


def schema(text):
    return lambda portal: portal.schema(text)


def cut_short(portal):
    data = gzip.compress(os.urandom(100_000).hex().encode())
    (portal.sources / "book.jsonl.gz").write_bytes(data[: len(data) // 2])


def missing(portal):
    (portal.sources / "author.csv").unlink()


SOURCES = {
    "missing": (missing, "author.csv does not exist"),
    "truncated": (cut_short, "book.jsonl.gz is truncated"),
    "not json": (lines('{"id": 1}\n{"id": \n'), "book.jsonl.gz:2: not JSON"),
    "not an object": (lines("[1]\n"), "book.jsonl.gz:1: not a JSON object"),
    "too few fields": (
        authors("id,name,born,favourite\na1,Ada\n"),
        "author.csv:2: 2 fields where the ",
    ),
    "no such field": (
        authors("id,name,born\na1,Ada,\n"),
        "no field favourite; the fields there are id, name, born",
    ),
    "half a surrogate pair": (
        notes(title="\ud800"),
        "book.jsonl.gz:2: table book, column title: '\\ud800': half of a surrogate pair",
    ),
}
VALUES = {
    "type": (
        notes(pages="many"),
        "book.jsonl.gz:2: table book, column pages: 'many': invalid input syntax for type integer",
    ),
    "check": (notes(pages=-1), "book.jsonl.gz:2: table book, column pages: '-1': new row for relation"),
    "null": (notes(title=None), "book.jsonl.gz:2: table book, column title: 'None': null value in column"),
    "object": (
        notes(title={"en": "x"}),
        "book.jsonl.gz:2: table book, column title: \"{'en': 'x'}\": an object",
    ),
    "NUL": (notes(title="\0"), "book.jsonl.gz:2: table book, column title: '\\x00': a NUL character"),
    "key, other contents": (
        more(title="Other"),
        "table book: rows of the key (id) = (7) have different contents",
    ),
    "key, same contents": (more(), "table book: 1 keys are in the source more than once, such as (id) = (7)"),
    "unique": (more(id=8), "table book: could not create unique index"),
    "orphan": (
        more(id=8, title="X", author={"id": "a9"}),
        "table book, column author_id: 1 rows name a row of author that does not exist (a9)",
    ),
}
DATASET = {
    "path": (change("title: title", "title: titel"), "the path titel occurs in no record"),
    "nested path": (change("author.id", "author.name"), "the keys there are id, sure"),
    "column": (change("pages: pages", "leaves: pages"), "the table has no column leaves"),
    "column not filled": (change("title: title, ", ""), "column title takes no NULL and has no default"),
    "rest": (change('tags: tags, rest: "*"', 'tags: "*"'), "needs a column of type jsonb"),
    "key": (change("    from: author.csv", "    fromm: author.csv"), "unknown key fromm; did you mean from?"),
    "key twice": (
        change("sources: r1", "sources: r1\nsources: r1"),
        "dataset.yml:5: the key sources is here twice",
    ),
    "no owner": (change("  loan: {owner: portal}", "  loan: {}"), "tables.loan: has no owner"),
    "table left out": (
        change("  loan: {owner: portal}\n", ""),
        "table loan has no owner in",
    ),
    "table unknown": (
        change("  loan:", "  loans: {owner: portal}\n  loan:"),
        "makes no such table (did you mean loan?)",
    ),
    "schema": (schema("CREATE TABLE a (n int);\n\nCREATE TABEL b;"), "schema.sql:3: syntax error"),
    "schema commits": (
        schema("CREATE TABLE a (n int);\nCOMMIT;"),
        "schema.sql:2: COMMIT: the loader runs the file",
    ),
    "schema for psql": (schema("\\connect x\n"), "schema.sql:1: a command of psql"),
}
CASES = {**SOURCES, **VALUES, **DATASET}


@pytest.mark.parametrize(("spoil", "expected"), CASES.values(), ids=CASES)
def test_bad_input_is_refused_by_its_place(refusal, portal, staging, spoil, expected):
    spoil(portal)
    assert expected in refusal()
    if staging.rows("SELECT 1 FROM pg_database WHERE datname = 'library'"):
        assert staging.rows("SELECT finished FROM reingest.load", "library") == [(None,)]


@pytest.mark.parametrize(("spoil", "expected"), {**SOURCES, **DATASET}.values(), ids={**SOURCES, **DATASET})
def test_check_mode_finds_what_the_sources_and_the_dataset_tell(refusal, portal, staging, spoil, expected):
    spoil(portal)
    assert expected in refusal(check=True)
    assert not staging.rows("SELECT 1 FROM pg_database WHERE datname = 'library'")


def test_the_run_after_a_refused_one_loads(load, refusal, portal):
    portal.books([EMMA, EMMA])
    refusal()
    portal.books(BOOKS)
    assert load()["changed"]
