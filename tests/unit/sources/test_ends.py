"""The first and the last record of a source, looked at before a load."""

from __future__ import annotations

import gzip
import json

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.ends import check_ends
from plugins.module_utils.reingest.sources.reading import Dialect, Reading


def packed(content):
    return gzip.compress(content, mtime=0)


def names(value):
    """Return the name of a case: the file's, and nothing of what is in it."""
    return value if isinstance(value, str) and "." in value and " " not in value else "-"


JSONL, CSV = Reading("jsonl"), Reading("csv")
TSV = Reading("tsv", dialect=Dialect(delimiter="\t", quote=""))
LINES = b"".join(json.dumps({"id": at, "name": "x" * 50}).encode() + b"\n" for at in range(5000))
ROWS = b"id,note\n" + b"".join(b'%d,"two\nlines, %d"\n' % (at, at) for at in range(9000))
FIELDS = b"id\tnote\n" + b"".join(b'%d\t5" of it\n' % at for at in range(9000))


@pytest.fixture
def source(tmp_path):
    def write(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("name", "reading", "content"),
    [
        ("a.jsonl", JSONL, LINES),
        ("no_line_end.jsonl", JSONL, LINES[:-1]),
        ("short.jsonl", JSONL, b'{"id": 1}\n'),
        ("empty.jsonl", JSONL, b""),
        ("a.csv", CSV, ROWS),
        ("header.csv", CSV, b"id,note\n"),
        ("empty_lines.csv", CSV, ROWS + b"\n\n"),
        ("a.tsv", TSV, FIELDS),
        ("a.jsonl.gz", JSONL, packed(LINES)),
        ("a.csv.gz", CSV, packed(ROWS)),
    ],
    ids=names,
)
def test_whole_sources_pass(source, name, reading, content):
    check_ends(reading, source(name, content))


@pytest.mark.parametrize(
    ("name", "reading", "content", "reason"),
    [
        ("cut.jsonl", JSONL, LINES[:-20], r"cut\.jsonl:5000: not JSON: Unterminated string"),
        ("cut.jsonl.gz", JSONL, packed(LINES[:-20]), r"cut\.jsonl\.gz:5000: not JSON"),
        ("short.jsonl", JSONL, b'{"id": 1}\n{"id', r"short\.jsonl:2: not JSON"),
        ("first.jsonl", JSONL, b"id\n" + LINES, r"first\.jsonl:1: not JSON"),
        ("cut.csv", CSV, ROWS[:-12], r"cut\.csv:18000: unexpected end of data: a quote"),
        ("fields.csv", CSV, ROWS + b"1\n", r"fields\.csv:18002: 1 fields where the header has 2"),
        ("first.csv", CSV, b"id,note\n1\n" + ROWS[8:], r"first\.csv:2: 1 fields where the header has 2"),
        ("cut.tsv", TSV, FIELDS + b"1", r"cut\.tsv:9002: 1 fields where the header has 2"),
        ("torn.jsonl.gz", JSONL, packed(LINES)[:-500], "is truncated: its gzip data end"),
        ("torn.json.gz", Reading("json"), packed(b'[{"a": 1}]' + b" " * 9999)[:-9], "is truncated"),
        ("other.jsonl.gz", JSONL, b"not packed", "is not intact gzip data"),
    ],
    ids=names,
)
def test_a_source_that_was_cut_short_is_refused_with_its_name(source, name, reading, content, reason):
    with pytest.raises(Refusal, match=reason) as told:
        check_ends(reading, source(name, content))
    assert "pipe " not in str(told.value)


def test_a_bad_record_is_no_reason_where_the_table_sets_it_aside(source):
    check_ends(JSONL, source("bad.jsonl", b"id\n" + LINES[:-20]), bad_rows=True)
    with pytest.raises(Refusal, match="is truncated"):
        check_ends(JSONL, source("torn.jsonl.gz", packed(LINES)[:-500]), bad_rows=True)


QUOTED = ['# it said "x', "# that's it", "a,b", '1,"a\n"', '"a\n",2', 'x,"a\n"']
AFTER_TWO = Reading("csv", dialect=Dialect(skip=2))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quote_in_the_lines_before_the_header_opens_nothing(source, end):
    check_ends(AFTER_TWO, source("a.csv", "".join(line + end for line in QUOTED).encode()))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quote_after_such_lines_that_is_not_closed_is_found(source, end):
    with pytest.raises(Refusal, match="is not closed"):
        check_ends(AFTER_TWO, source("a.csv", "".join(line + end for line in [*QUOTED, '3,"4']).encode()))
