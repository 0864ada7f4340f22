"""Fields by columns, as COPY reads them in text format."""

import pytest

from plugins.module_utils.reingest.load.fast_copy.fields import fields_by_column
from plugins.module_utils.reingest.sources.blocks import IrregularError


def columns(text, width=2, delimiter=",", quote='"', null=""):
    return [list(column) for column in fields_by_column(text.encode(), width, delimiter, quote, null)]


def test_fields_stand_by_columns_and_the_null_text_is_null_quoted_or_not():
    assert columns('1,a\n2,\n3,""\n') == [["1", "2", "3"], ["a", r"\N", r"\N"]]
    assert columns("1,NA\nNA,\n", null="NA") == [["1", r"\N"], [r"\N", ""]]


def test_what_copy_would_read_otherwise_is_escaped():
    assert columns('1,"a\tb\nc\\d"\n2,e\r\n') == [["1", "2"], [r"a\tb\nc\\d", "e"]]
    assert columns("1,\\N\n") == [["1"], [r"\\N"]]
    assert columns("1\ta\\b\n", delimiter="\t", quote="") == [["1"], [r"a\\b"]]
    assert columns('1,"a\rb"\n') == [["1"], [r"a\rb"]]


def test_a_null_text_with_a_backslash_is_null_all_the_same():
    assert columns("1,\\N\n2,a\\\\b\n", null="\\N") == [["1", "2"], [r"\N", r"a\\\\b"]]


@pytest.mark.parametrize("text", ["1\n2,b\n", "1,2,3\n", '1,"a"b\n'])
def test_records_that_the_server_refuses_are_irregular(text):
    with pytest.raises(IrregularError):
        columns(text)


def test_bytes_that_are_no_text_are_irregular():
    with pytest.raises(IrregularError):
        fields_by_column(b"1,\xff\n", 2, ",", '"', "")
