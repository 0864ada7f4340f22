import gzip
import hashlib
import os

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.ends import check_ends
from plugins.module_utils.reingest.sources.files import (
    check_unchanged,
    find_files,
    find_sources,
    identify,
    known_sources,
    shown_sources,
)
from plugins.module_utils.reingest.sources.reader import read_records
from plugins.module_utils.reingest.sources.reading import Reading


def test_a_glob_gives_its_files_in_order(tmp_path):
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "d.csv").mkdir()
    assert [path.name for path in find_files("*.csv", tmp_path)] == ["a.csv", "b.csv"]
    assert find_files(str(tmp_path / "c.txt"), tmp_path) == (tmp_path / "c.txt",)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("x.csv", "x.csv does not exist"), ("*.tsv", "does not exist"), ("d", "d is a folder")],
)
def test_what_is_not_there_is_named(tmp_path, pattern, message):
    (tmp_path / "d").mkdir()
    with pytest.raises(Refusal, match=message):
        find_files(pattern, tmp_path)


def test_a_file_is_known_by_its_content(tmp_path):
    path = tmp_path / "below" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    file = identify([path, path], tmp_path)[path]
    assert (file.name, file.size, file.sha256) == ("below/a.csv", 3, hashlib.sha256(b"abc").hexdigest())


def test_a_file_that_is_known_is_read_again_only_where_size_or_time_differ(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"abc")
    (shown,) = shown_sources(identify([path], tmp_path).values())
    known = known_sources([{**shown, "sha256": "of the plan"}])
    assert identify([path], tmp_path, known)[path].sha256 == "of the plan"
    os.utime(path, ns=(0, shown["modified_ns"] + 1))
    assert identify([path], tmp_path, known)[path].sha256 == hashlib.sha256(b"abc").hexdigest()
    path.write_bytes(b"abcd")
    os.utime(path, ns=(0, shown["modified_ns"]))
    assert identify([path], tmp_path, known)[path].sha256 == hashlib.sha256(b"abcd").hexdigest()
    path.unlink()
    with pytest.raises(Refusal, match=r"a\.csv cannot be read"):
        identify([path], tmp_path, known)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"abc")
    files = list(identify([path], tmp_path).values())
    check_unchanged(files)
    path.write_bytes(b"abcd")
    with pytest.raises(Refusal, match=r"a\.csv was changed while it was read"):
        check_unchanged(files)
    path.unlink()
    with pytest.raises(Refusal, match=r"a\.csv went away while it was read"):
        check_unchanged(files)


def test_a_folder_stands_for_the_files_of_the_format_in_it(tmp_path):
    for name in ("d/b.csv", "d/below/a.csv.gz", "d/_SUCCESS", "d/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in find_files("d", tmp_path, "csv")] == ["b.csv", "a.csv.gz"]
    (tmp_path / "d" / "c.jsonl").touch()
    with pytest.raises(Refusal, match=r"d holds c\.jsonl, which is no csv"):
        find_files("d", tmp_path, "csv")


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_packed_file_of_no_bytes_is_truncated_unless_it_is_declared(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / "b.jsonl").write_text("{}\n")
    reading = Reading("jsonl")
    with pytest.raises(Refusal, match=rf"{name} is truncated: it is empty, and (gzip|zstd) data are not"):
        list(read_records(reading, tmp_path / name))
    with pytest.raises(Refusal, match="is truncated: it is empty"):
        check_ends(reading, tmp_path / name, bad_rows=True)
    declared = Reading("jsonl", allow_empty=True)
    found = find_sources(["*.jsonl*"], declared, tmp_path)
    assert [path.name for path in found] == ["b.jsonl"]


def test_packed_data_without_a_record_are_none(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b""))
    assert list(read_records(Reading("jsonl"), path)) == []
