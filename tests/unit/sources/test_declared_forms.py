"""Files of fields that are no CSV: what is declared of them is read, and nothing else."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.bad import Bad
from plugins.module_utils.reingest.sources.declared_forms import named_fields
from plugins.module_utils.reingest.sources.delimited import read_delimited, read_header
from plugins.module_utils.reingest.sources.reading import Dialect, Reading


@pytest.fixture
def read(tmp_path):
    """Read a text; returns the rows, and the lines of bad ones with the beginning of their reasons."""

    def run(text, **declared):
        path = tmp_path / "a.csv"
        path.write_bytes(text.encode())
        found = list(read_delimited(path, Reading("csv", dialect=Dialect(**declared))))
        good = [tuple(record.values()) for _, record in found if not isinstance(record, Bad)]
        return good, [(number, record.reason) for number, record in found if isinstance(record, Bad)]

    return run


RAGGED = "a,b,c\n1,x,y\n2\n3,x,y,z\n\n"


@pytest.mark.parametrize(
    ("declared", "rows", "bad"),
    [
        ({}, [("1", "x", "y")], [3, 4]),
        ({"narrow": "null"}, [("1", "x", "y"), ("2", None, None)], [4]),
        ({"wide": "drop"}, [("1", "x", "y"), ("3", "x", "y")], [3]),
        ({"narrow": "null", "wide": "drop"}, [("1", "x", "y"), ("2", None, None), ("3", "x", "y")], []),
        ({"narrow": "null", "null": "x"}, [("1", None, "y"), ("2", None, None)], [4]),
    ],
)
def test_ragged_rows_are_brought_to_the_header_only_as_declared(read, declared, rows, bad):
    good, told = read(RAGGED, **declared)
    assert good == rows
    assert [line for line, _ in told] == bad


def test_a_ragged_row_that_nobody_declared_is_told_with_what_to_declare(read):
    _, ((_, narrow), (_, wide)) = read(RAGGED)
    assert 'declare `narrow: "null"`' in narrow
    assert "declare `wide: drop`" in wide


@pytest.mark.parametrize("header", ["a,b,", "a,b"])
def test_a_delimiter_behind_the_last_field_is_no_field(read, header):
    good, bad = read(f"{header}\n1,x,\n2,,\n3,x\n4,x,y\n5,x,,\n", trailing=True)
    assert good == [("1", "x"), ("2", None)]
    assert [line for line, _ in bad] == [4, 5, 6]


@pytest.mark.parametrize("delimiter", ["||", ", ", "<|>", "::"])
def test_a_delimiter_may_have_several_characters(read, delimiter):
    text = f'a{delimiter}b\n1{delimiter}"p{delimiter}q ""r"""\n"2\n3"{delimiter}x|:,y\n4{delimiter}"x"y\n'
    good, bad = read(text, delimiter=delimiter)
    assert good == [("1", f'p{delimiter}q "r"'), ("2\n3", "x|:,y")]
    assert [line for line, _ in bad] == [5]


def test_what_stands_in_for_a_long_delimiter_is_no_delimiter_itself(read):
    good, bad = read("a||b\n1||x\ufdd0y\n2||z\n", delimiter="||")
    assert good == [("2", "z")]
    assert "U+FDD0" in bad[0][1]


def test_blanks_behind_delimiters_are_passed_over(read):
    assert read('a, b,  c\n1,  "p, q", z \n', blanks=True)[0] == [("1", "p, q", "z ")]


def test_the_text_for_null_is_found_beside_an_escape_and_a_long_delimiter(read):
    good, _ = read('a||b\n\\N||x\\|y\n"\\N"||p\\"q\n', delimiter="||", escape="\\", null="\\N")
    assert good == [(None, "x|y"), (None, 'p"q')]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "", "a", "a_3"], ["a", "2", "a_3_3", "a_3"]),
        (["", "1"], ["1_1", "1"]),
        (["n" * 70, "n" * 71], ["n" * 63, "n" * 61 + "_2"]),
        (["ä" * 40], ["ä" * 31]),
    ],
)
def test_names_that_are_none_get_the_number_of_their_field(header, names):
    made = named_fields(Dialect(header_names="number"), header)
    assert len(set(made)) == len(made)
    assert all(len(name.encode()) <= 63 for name in made)
    assert made == names


def test_names_that_are_none_are_refused_with_what_to_declare(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b,a\n")
    with pytest.raises(
        Refusal, match="'a' is there twice; correct the header, or declare `header_names: number`"
    ):
        read_header(path, Reading("csv"))


@pytest.mark.timeout(20)
def test_a_header_of_fifty_thousand_names_is_checked_at_once(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",".join(f"c{at}" for at in range(50_000)) + "\n")
    assert len(read_header(path, Reading("csv"))) == 50_000  # each compared with all others: a minute
