"""Blocks hold whole records and say how many, or the text is said to be irregular."""

import csv
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.blocks import (
    IrregularError,
    read_line_blocks,
    read_record_blocks,
    whole_records,
)
from plugins.module_utils.reingest.sources.reading import Dialect, Reading

CSV = Reading(format="csv")
TAB = Reading(format="tsv", dialect=Dialect(delimiter="\t", quote=""))


def joined(source, reading=CSV):
    """Return all blocks as one, and the number of records that they say."""
    blocks = list(read_record_blocks(source, reading))
    return b"".join(block.data for block in blocks), sum(block.records for block in blocks)


def test_records_come_as_they_are_without_the_header(source):
    assert joined(source('id,name\n1,"a ""b"", c"\n2,\n')) == (b'1,"a ""b"", c"\n2,\n', 2)


def test_the_lines_before_the_header_and_a_header_over_several_lines_are_left_out(source):
    reading = Reading(format="csv", dialect=Dialect(skip=2, header=2))
    text = 'made "by\nhand\n"i\nd",name\nunit,unit\n1,a\n'
    assert joined(source(text), reading) == (b"1,a\n", 1)


def test_a_byte_order_mark_and_empty_lines_at_the_end_are_left_out(source):
    assert joined(source("\ufeffid,name\r\n1,a\r\n\r\n\r\n")) == (b"1,a\n", 1)


def test_a_last_record_without_a_line_end_is_one(source):
    assert joined(source("id,name\n1,a\n2,b")) == (b"1,a\n2,b\n", 2)
    assert joined(source("id,name\n")) == (b"", 0)


def test_another_encoding_becomes_utf8(source):
    reading = Reading(format="csv", encoding="utf-16")
    assert joined(source("id,name\n1,é\n".encode("utf-16")), reading) == ("1,é\n".encode(), 1)


@pytest.mark.parametrize(
    "records",
    [
        '1,5" disk\n2,b\n',
        '1,a"b"c\n',
        '1,"a"b\n',
        '1,"a" \n',
        '1, "a"\n',
        '1,"never closed\n',
        "1,a\r2,b\r",
        "1,a\n2,b\rc\n",
        "1,a\n\\.\n2,b\n",
        '1,"a\n\\.\nb"\n',
        "\\.x,a\n",
    ],
)
def test_what_the_server_may_read_otherwise_is_irregular(source, records):
    with pytest.raises(IrregularError):
        joined(source("id,name\n" + records))


def test_without_quotes_a_quote_is_a_character(source):
    assert joined(source('id\tname\n1\t5" disk\n'), TAB) == (b'1\t5" disk\n', 1)


def test_damage_of_the_source_is_a_refusal(source):
    path = source(gzip.compress(b"id,name\n" + b"1,a\n" * 100_000)[:-30], "cut.csv.gz")
    with pytest.raises(Refusal, match="truncated"):
        joined(path)


def test_every_block_ends_where_a_record_ends_however_its_quoted_line_ends_fall(source):
    rows = [[str(number), "x" * (number % 97) + "\n" * (number % 5) + ',"'] for number in range(30_000)]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["id", "name"], *rows])
    path = source(out.getvalue())
    found = []
    blocks = list(read_record_blocks(path, CSV))
    assert len(blocks) > 10
    for block in blocks:
        there = list(csv.reader(io.StringIO(block.data.decode(), newline=""), strict=True))
        assert len(there) == block.records
        found += there
    assert found == rows
    again = b"".join(block.data for block in blocks)
    assert b"".join(whole_records(source(again, "again"), '"')) == again


def test_a_record_that_never_ends_does_not_fill_the_memory(source):
    with pytest.raises(IrregularError):
        joined(source('id,name\n1,"' + "x\n" * (3 << 20)))


def test_lines_come_whole_and_a_lone_carriage_return_is_irregular(source):
    text = b"".join(b'{"id": %d}\n' % number for number in range(50_000))
    blocks = list(read_line_blocks(source(text), Reading(format="jsonl")))
    assert len(blocks) > 5
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks) == text
    with pytest.raises(IrregularError):
        list(read_line_blocks(source(b'{"id": 1}\r{"id": 2}\r'), Reading(format="jsonl")))


@given(st.text(alphabet='ab,"\n\r\\. ', max_size=40))
def test_what_is_regular_has_the_records_that_csv_reads(folder, text):
    path = folder / "any.csv"
    path.write_bytes(f"id,name\n{text}".encode())
    try:
        data, records = joined(path)
    except IrregularError:
        return
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    while read and not read[-1]:  # empty lines at the end
        read.pop()
    assert len(read) == records
    assert list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True)) == read
