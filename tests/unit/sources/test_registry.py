from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.reading import Reading
from plugins.module_utils.reingest.sources.registry import FORMAT_NAMES, FORMATS, format_called, format_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_each_format_is_found_by_its_name_and_its_endings(one):
    assert format_called(one.name) is one
    assert {format_of(f"a{ending}") for ending in one.endings} <= {one.name}
    assert {format_of(f"a{ending}.gz") for ending in one.endings} <= {one.name}
    assert callable(one.code().records)


def test_no_two_formats_have_a_name_or_an_ending_in_common():
    endings = [ending for one in FORMATS for ending in one.endings]
    assert len(set(endings)) == len(endings)
    assert len({one.name for one in FORMATS}) == len(FORMATS)


def test_an_unknown_format_is_an_error_that_names_those_there_are():
    with pytest.raises(Refusal, match=r"no format 'xml' of sources .*jsonl, json, csv, tsv, parquet, bson"):
        format_called("xml")
    assert format_of("a.xml") == ""


def test_the_fields_of_a_format_of_fields_are_known_before_its_records(tmp_path):
    (tmp_path / "a.csv").write_text("id,name\n1,x\n")
    code = format_called("csv").code()
    assert code.fields(tmp_path / "a.csv", Reading("csv")) == ("id", "name")
    assert b"".join(code.blocks(tmp_path / "a.csv", Reading("csv"))) == b"1,x\n"


def test_a_dataset_may_name_the_formats_that_files_have():
    assert FORMAT_NAMES == ("jsonl", "json", "csv", "tsv", "parquet", "bson")


def test_the_code_of_a_format_is_imported_when_it_is_read_and_not_before():
    told = """
import sys
from reingest.dataset import parse
from reingest.sources.registry import format_called
readers = {"csv", "json", "parquet", "bson_dump", "database", "delimited", "json_array", "json_lines"}
def read():
    return sorted(one for one in readers if f"reingest.sources.{one}" in sys.modules)
before = read()
format_called("csv").code()
print(before, read())
"""
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT / "module_utils", capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] ['delimited']\n"
