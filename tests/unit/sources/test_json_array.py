import gzip
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.bad import Bad
from plugins.module_utils.reingest.sources.json_array import read_json_array
from plugins.module_utils.reingest.sources.reading import Reading

JSON = Reading("json")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=8,
)


def test_an_array_gives_its_objects_and_the_lines_where_they_begin(source):
    path = source('\ufeff[\n {"a": 1},\n\n {"a":\n [2]}]\n')
    assert list(read_json_array(path, JSON)) == [(2, {"a": 1}), (4, {"a": [2]})]
    assert list(read_json_array(source(" [ ] "), JSON)) == []


def test_an_array_inside_the_document_is_reached_by_its_path(source):
    text = '{"meta": {"x": [1, "]}\\\\\\"", {}], "n": -1.5e3}, "d": {"b": [], "c": [{"a": 1}]}, "z": true}'
    assert list(read_json_array(source(text), Reading("json", records="d.c"))) == [(1, {"a": 1})]
    with pytest.raises(Refusal, match=r":1: there is no d\.x; the keys there are b, c"):
        list(read_json_array(source(text), Reading("json", records="d.x")))
    with pytest.raises(Refusal, match=r":1: no object here, and `records:` leads to meta\.n\.y"):
        list(read_json_array(source(text), Reading("json", records="meta.n.y")))
    with pytest.raises(Refusal, match="not an array of objects; correct `records:`"):
        list(read_json_array(source(text), Reading("json", records="meta")))


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ("7", "not a JSON object"),
        ("[1, [2]]", "not a JSON object"),
        ('"a,]"', "not a JSON object"),
        ("nul", "not JSON: "),
        ('{"a": 1 "b": "]"}', "not JSON: Expecting ',' delimiter"),
        ('{"a": NaN}', "not JSON: NaN is not JSON"),
        ('{"a": 1e999}', "not JSON: the number 1e999 is too large"),
        ('{"a": "\0"}', "not JSON: Invalid control character"),
        ('{"a": ' + "[" * 50_000 + "]" * 50_000 + "}", "nested too deeply"),
        ('{"a": "' + "x" * 300_000 + '"}', "longer than 200000 bytes"),
    ],
)
def test_an_element_that_is_no_object_is_told_and_reading_goes_on(source, element, reason):
    path = source(f'[{{"a": 1}},\n{element},\n{{"a": 2}}]')
    first, (number, bad), last = read_json_array(path, Reading("json", longest=200_000))
    assert (first, number, last) == ((1, {"a": 1}), 2, (3, {"a": 2}))
    assert reason in bad.reason
    assert bad.text.startswith(element[:200])


def test_bytes_that_are_no_text_are_told_with_their_element(source):
    first, (number, bad), last = read_json_array(source(b'[{"a": 1},\n{"a": "\xff"},\n{"a": 2}]'), JSON)
    assert (first, number, last) == ((1, {"a": 1}), 2, (3, {"a": 2}))
    assert "not utf-8" in bad.reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: not an array of objects; name the path of the array in it with `records:`"),
        ('{"a": [{}]}', ":1: not an array of objects"),
        ('[{"a": 1},\n{"a": ', ":2: the file is truncated"),
        ('[{"a": 1}', ":1: the file is truncated"),
        ("[1", ":1: the file is truncated"),
        ('[{"a": 1}\n{"a": 2}]', ":2: not JSON: ',' expected, not '{'"),
        ("[{},]", ":1: not JSON: a value expected, not ']'"),
        ("[]\n[]", ":2: more follows after the end of the document"),
    ],
)
def test_a_document_that_cannot_be_read_on_is_refused(source, text, message):
    with pytest.raises(Refusal) as caught:
        list(read_json_array(source(text), JSON))
    assert message in str(caught.value)


@pytest.mark.parametrize("tail", ["]}", '], "z": [1'])
def test_what_follows_the_array_is_read_to_the_end(source, tail):
    path = source('{"a": [{"b": 1}' + tail)
    reading = Reading("json", records="a")
    if tail == "]}":
        assert len(list(read_json_array(path, reading))) == 1
    else:
        with pytest.raises(Refusal, match="is truncated"):
            list(read_json_array(path, reading))


def test_memory_does_not_grow_with_the_array(source):
    one = json.dumps({"text": "x" * 1000}).encode()
    skipped = b'{"skipped": [' + b",".join([one] * 20_000) + b"], "
    text = skipped + b'"kept": [' + b",\n".join([one] * 20_000) + b"]}"
    path = source(gzip.compress(text, 1), "a.json.gz")
    tracemalloc.start()
    try:
        last = 0
        for number, _ in read_json_array(path, Reading("json", records="kept")):
            last = number
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()
    assert last == 20_000


@given(
    records=st.lists(st.dictionaries(TEXT, VALUES, max_size=4), max_size=10),
    indent=st.sampled_from([None, 1]),
)
def test_every_record_written_comes_back_equal(folder, records, indent):
    path = folder / "written.json"
    path.write_text(json.dumps({"a": [{}], "b": records}, indent=indent))
    assert [record for _, record in read_json_array(path, Reading("json", records="b"))] == records


@given(middle=st.text(st.characters(exclude_categories=["Cs"], exclude_characters='"[]{}\\,'), min_size=1))
def test_a_spoilt_element_spoils_no_other(folder, middle):
    path = folder / "spoilt.json"
    path.write_bytes(f'[{{"a": 1}}, {{{middle}}}, {{"a": 2}}]'.encode())
    first, (_, record), last = read_json_array(path, JSON)
    assert (first[1], last[1]) == ({"a": 1}, {"a": 2})
    assert isinstance(record, Bad) or (record == {} and not middle.strip(" \t\r\n"))


@pytest.mark.attack
@pytest.mark.parametrize(
    ("text", "records"),
    [("[", ""), ("[ ", ""), ('[{"a": 1},', ""), ('{"a\\x": [', "a"), ('{"\\ud8": []}', "a")],
)
def test_a_document_that_ends_or_has_a_key_that_is_no_text_is_refused(source, text, records):
    with pytest.raises(Refusal):
        list(read_json_array(source(text), Reading("json", records=records)))


def test_the_last_of_two_keys_counts_or_the_element_is_told(source):
    path = source('[{"a": 1, "a": 2},\n {"a": 3}]')
    assert [record for _, record in read_json_array(path, Reading("json"))] == [{"a": 2}, {"a": 3}]
    (number, told), last = read_json_array(path, Reading("json", unique_keys=True))
    assert (number, "the key 'a' is there twice" in told.reason, last) == (1, True, (2, {"a": 3}))
