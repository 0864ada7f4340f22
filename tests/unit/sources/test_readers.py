import gzip

import pytest
from ansible.module_utils.reingest.dataset.reading import Dialect, Reading
from ansible.module_utils.reingest.errors import Refusal
from ansible.module_utils.reingest.sources.delimited import read_delimited, read_header
from ansible.module_utils.reingest.sources.json_lines import read_json_lines
from ansible.module_utils.reingest.sources.lines import read_lines

CSV = Reading("csv")
JSONL = Reading("jsonl")


@pytest.fixture
def source(tmp_path):
    def write(content, name="source"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_lines_are_numbered_and_a_byte_order_mark_is_passed_over(source):
    assert list(read_lines(source("\ufeffa\n\ufeffb"), Reading())) == [(1, b"a\n"), (2, "\ufeffb".encode())]
    two = source(gzip.compress(b"a\nb\n") + gzip.compress(b"c\n"), "two.gz")
    assert list(read_lines(two, Reading()))[-1] == (3, b"c\n")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (gzip.compress(b"a\nb\n" * 50_000)[:-20], "cut.gz", "is truncated: its gzip data end after line "),
        (b"not gzip at all", "x.gz", "is not intact gzip data after line 0"),
        (gzip.compress(b"a\n" * 1000)[:-8] + b"\0" * 8, "crc.gz", "is not intact gzip data after line "),
    ],
)
def test_damage_is_told_with_the_line_that_was_reached(source, content, name, message):
    with pytest.raises(Refusal) as caught:
        list(read_lines(source(content, name), Reading()))
    assert message in str(caught.value)


def test_json_lines_pass_over_empty_lines_and_count_them(source):
    assert list(read_json_lines(source('{"a": 1}\n\n  \n{"b": "\\u00e9"}'), JSONL)) == [
        (1, {"a": 1}),
        (4, {"b": "é"}),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON: "),
        ("7", "not a JSON object"),
        ('{"a": NaN}', "not JSON: NaN is not JSON"),
        ('{"a": 1e999}', "not JSON: the number 1e999 is too large"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_line_that_is_no_json_object_is_told_by_its_number_and_reading_goes_on(source, line, message):
    path = source(f'{{"a": 1}}\n{line}\n{{"a": 2}}')
    first, (number, bad), last = read_json_lines(path, JSONL)
    assert (first, last, number) == ((1, {"a": 1}), (3, {"a": 2}), 2)
    assert message in bad.reason
    assert bad.text.startswith(line[:100])


def test_fields_go_by_name_and_records_may_run_over_lines(source):
    path = source('id,text\r\n1,"a, ""b""\r\nc"\r\n\r\n2,\r\n')
    assert read_header(path, CSV) == ("id", "text")
    assert list(read_delimited(path, CSV)) == [
        (2, {"id": "1", "text": 'a, "b"\r\nc'}),
        (5, {"id": "2", "text": None}),
    ]


def test_the_dialect_decides(source):
    path = source('id\ttext\n1\t"\n2\t\\N\n3\t\n')
    records = [
        record["text"] for _, record in read_delimited(path, Reading("csv", dialect=Dialect("\t", "", "\\N")))
    ]
    assert records == ['"', None, ""]


def test_a_field_may_be_longer_than_the_csv_module_thinks(source):
    long = "x" * 200_000
    assert list(read_delimited(source(f"a\n{long}\n"), CSV)) == [(2, {"a": long})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: its first line must name the fields"),
        ("a,a\n", ":1: the field name 'a' is there twice"),
        ("a,\n", ":1: the field name '' is empty"),
        ('a,b\n1,"2\n3,4\n', ":2: unexpected end of data"),
    ],
)
def test_a_line_that_does_not_fit_is_refused_by_its_number(source, content, message):
    with pytest.raises(Refusal) as caught:
        list(read_delimited(source(content), CSV))
    assert message in str(caught.value)


def test_another_number_of_fields_is_told_by_its_line_and_reading_goes_on(source):
    _, (number, bad), last = read_delimited(source("a,b\n1,2\n3\n4,5\n"), CSV)
    assert (number, bad.text, last) == (3, "3", (4, {"a": "4", "b": "5"}))
    assert "1 fields where the header has 2" in bad.reason
