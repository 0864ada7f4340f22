"""Ranges of a file are its records, shared out."""

import csv
import io

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.blocks import read_line_blocks, read_record_blocks
from plugins.module_utils.reingest.sources.ranges import share_files
from plugins.module_utils.reingest.sources.reading import Reading
from plugins.module_utils.reingest.sources.source import Remote


@pytest.mark.parametrize("shares", [2, 3, 7])
def test_the_ranges_together_are_the_files_and_each_begins_with_a_record(source, shares):
    files, rows = [], []
    for name in ("a.csv", "b.csv"):
        here = [[f"{name}{number}", "line\n" * (number % 4) + '"quoted"'] for number in range(60_000)]
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([["id", "name"], *here])
        files.append(source(out.getvalue(), name))
        rows += here
    found = share_files(files, '"', shares)
    assert len(found) == shares
    sizes = [sum(part.end - part.begin for part in share) for share in found]
    assert max(sizes) < min(sizes) * 1.05
    read = []
    for share in found:
        for part in share:
            for block in read_record_blocks(part, Reading(format="csv")):
                read += csv.reader(io.StringIO(block.data.decode(), newline=""), strict=True)
    assert sorted(read) == sorted(rows)


def test_lines_are_cut_at_their_ends(source):
    text = b"".join(b'{"id": "%d\\""}\n' % number for number in range(9))
    shares = share_files([source(text)], "", 4)
    blocks = [b"".join(read_line_blocks(part, Reading(format="jsonl"))) for (part,) in shares]
    assert b"".join(blocks) == text
    assert all(block.endswith(b"\n") for block in blocks)


def test_a_file_with_fewer_records_than_shares_has_fewer_shares(source):
    assert [len(share) for share in share_files([source(b"one\n")], "", 4)] == [1]
    assert share_files([source(b"", "empty")], "", 4) == []


def test_a_file_that_is_packed_or_elsewhere_has_no_ranges(source):
    assert share_files([source(b"a\n"), source(b"", "b.csv.gz")], '"', 2) is None
    assert share_files([Remote("https://example.org/a.csv")], '"', 2) is None


def test_a_file_that_went_away_is_told(tmp_path):
    with pytest.raises(Refusal, match="cannot be read"):
        share_files([tmp_path / "gone.csv"], '"', 2)
