import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.reingest.sources.bad import Bad
from plugins.module_utils.reingest.sources.json_lines import read_json_lines
from plugins.module_utils.reingest.sources.reading import Reading

JSONL = Reading("jsonl")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=8,
)


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
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_line_that_is_no_json_object_is_told_by_its_number_and_reading_goes_on(source, line, message):
    path = source(f'{{"a": 1}}\n{line}\n{{"a": 2}}')
    first, (number, bad), last = read_json_lines(path, JSONL)
    assert (first, last, number) == ((1, {"a": 1}), (3, {"a": 2}), 2)
    assert message in bad.reason
    assert bad.text.startswith(line[:100])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": "\xff"}', "not UTF-8 at byte 8"),
        (b'{"a": "\0"}', "not JSON: Invalid control character"),
        (b"null", "not a JSON object"),
        (b'{"a": 1} {"a": 2}', "not JSON: Extra data"),
    ],
)
def test_what_is_no_text_or_no_object_is_told(source, line, reason):
    (number, bad), last = read_json_lines(source(line + b'\n{"a": 3}'), JSONL)
    assert (number, last) == (1, (2, {"a": 3}))
    assert reason in bad.reason


def test_large_numbers_keep_their_digits_and_half_surrogates_reach_the_load(source):
    path = source(b'{"a": 123456789012345678901234567890, "b": "\\ud800"}')
    assert list(read_json_lines(path, JSONL)) == [(1, {"a": 123456789012345678901234567890, "b": "\ud800"})]


@given(
    records=st.lists(st.dictionaries(TEXT, VALUES, max_size=4), max_size=10),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    ascii_only=st.booleans(),
)
def test_every_record_written_comes_back_equal(folder, records, end, encoding, ascii_only):
    path = folder / "written.jsonl"
    text = "".join(json.dumps(record, ensure_ascii=ascii_only) + end for record in records)
    path.write_bytes(text.encode(encoding))
    found = list(read_json_lines(path, Reading("jsonl", encoding=encoding)))
    assert found == list(enumerate(records, 1))


@given(lines=st.lists(st.binary(max_size=20).filter(lambda line: line.strip()), max_size=20))
def test_of_any_bytes_each_line_is_an_object_or_is_told(folder, lines):
    lines = [line.replace(b"\n", b"").replace(b"\r", b"") or b"x" for line in lines]
    lines = [line if line.strip() else b"x" for line in lines]
    path = folder / "any.jsonl"
    path.write_bytes(b"\n".join([b"{}", *lines]))
    found = list(read_json_lines(path, JSONL))
    assert [number for number, _ in found] == list(range(1, len(lines) + 2))
    assert all(isinstance(record, (dict, Bad)) for _, record in found)


def test_numbers_keep_the_digits_that_they_are_written_with(source):
    lines = '{"a": 1.50, "b": [1e400, -0.0], "c": 12345678901234567890.125}\n'
    ((_, record),) = read_json_lines(source(lines), Reading())
    assert (record["a"].text, record["c"].text) == ("1.50", "12345678901234567890.125")
    assert [number.text for number in record["b"]] == ["1e400", "-0.0"]
    assert record["a"] == 1.5


def test_the_last_of_two_keys_counts_or_the_record_is_told(source):
    path = source(
        '{"a": 1, "a": 1.50}\n{"a": {"b": 1, "b": 2, "c": 1, "c": 2}}\n{"a": 2.50, "b": [{"a": 1}]}\n'
    )
    assert [record for _, record in read_json_lines(path, JSONL)][:2] == [{"a": 1.5}, {"a": {"b": 2, "c": 2}}]
    first, second, (number, good) = read_json_lines(path, Reading("jsonl", unique_keys=True))
    assert "the key 'a' is there twice" in first[1].reason
    assert "the key 'b', 'c' is there twice" in second[1].reason
    assert (number, good, good["a"].text) == (3, {"a": 2.5, "b": [{"a": 1}]}, "2.50")


def test_a_byte_order_mark_in_the_middle_is_told(source):
    (_, first), (number, told) = read_json_lines(source('\ufeff{"a": 1}\n\ufeff{"a": 2}\n'), JSONL)
    assert (first, number, isinstance(told, Bad)) == ({"a": 1}, 2, True)
