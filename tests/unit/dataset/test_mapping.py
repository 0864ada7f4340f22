import re

import pytest

from plugins.module_utils.reingest.dataset.mapping import Mapper, UnfitError
from plugins.module_utils.reingest.dataset.model import Column, Condition
from plugins.module_utils.reingest.errors import Refusal


def mapper_of(columns, each="", nested=True, where=None):
    listed = {name: (paths,) if isinstance(paths, str) else paths for name, paths in columns.items()}
    conditions = [Condition(path, values) for path, values in (where or {}).items()]
    made = [Column(name, paths) for name, paths in listed.items()]
    return Mapper(made, each, nested=nested, where=conditions)


def rows(columns, *records, **options):
    mapper = mapper_of(columns, **options)
    return [row for record in records for row in mapper.rows(record)]


def test_paths_lead_into_the_record_and_to_null_where_they_end():
    assert rows({"a": "a", "b": "b.c"}, {"a": 1, "b": {"c": 2}}, {"b": {}}, {"a": None, "b": 3}) == [
        [1, 2],
        [None, None],
        [None, None],
    ]


def test_the_first_path_that_is_there_and_not_null_counts():
    assert rows({"t": ("a", "b.c")}, {"a": 1, "b": {"c": 2}}, {"a": None, "b": {"c": 2}}, {}) == [
        [1],
        [2],
        [None],
    ]


def test_the_rest_is_without_the_keys_taken_whole():
    record = {"id": 1, "where": {"lat": 2, "note": "n"}, "more": [3]}
    assert rows({"id": "id", "lat": "where.lat", "rest": "*"}, record) == [
        [1, 2, {"where": {"lat": 2, "note": "n"}, "more": [3]}]
    ]
    assert "id" in record


def test_of_alternatives_only_the_one_taken_leaves_the_rest():
    assert rows({"t": ("a", "b"), "rest": "*"}, {"a": 1, "b": 2}, {"b": 2}) == [[1, {"b": 2}], [2, {}]]


def test_an_array_gives_a_row_for_each_element():
    records = [{"id": 1, "has": ["x", "y"], "o": 0}, {"id": 2, "has": []}, {"id": 3}, {"id": 4, "has": None}]
    assert rows({"id": "id", "e": ".", "rest": "*"}, *records, each="has") == [
        [1, "x", {"o": 0}],
        [1, "y", {"o": 0}],
    ]


def test_a_path_inside_the_element():
    assert rows(
        {"n": ".name.first", "id": "id"}, {"id": 1, "p": [{"name": {"first": "A"}}, 5]}, each="p"
    ) == [
        ["A", 1],
        [None, 1],
    ]


def test_what_is_no_array_does_not_fit_each():
    with pytest.raises(UnfitError, match="has is no array"):
        rows({"e": "."}, {"has": "x"}, each="has")


def test_names_of_fields_may_hold_dots():
    assert rows({"a": "x.y"}, {"x.y": "1"}, nested=False) == [["1"]]


@pytest.mark.parametrize(
    ("columns", "record", "message"),
    [
        (
            [Column("a", ("b",))],
            {"x": 1, "y": 2},
            "table t, column a: the path b occurs in no record of s; the keys there are x, y; correct",
        ),
        ([Column("a", ("x.b",))], {"x": {"c": 1}}, "the keys there are c"),
        ([Column("a", ("b", "c"))], {"x": 1}, "the path b or c occurs in no record"),
    ],
)
def test_a_path_that_no_record_has_is_refused(columns, record, message):
    mapper = Mapper(columns)
    list(mapper.rows(record))
    with pytest.raises(Refusal) as caught:
        mapper.check_paths("t", "s")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("column", "records"),
    [
        (Column("a", ("b",), optional=True), [{"x": 1}]),
        (Column("a", ("b",)), [{"x": 1}, {"b": None}]),
        (Column("a", ("b",)), []),
        (Column("a", ("*",)), [{"x": 1}]),
    ],
)
def test_an_optional_path_a_null_and_an_empty_source_are_no_mistake(column, records):
    mapper = Mapper([column])
    for record in records:
        list(mapper.rows(record))
    mapper.check_paths("t", "s")


def test_a_wrong_path_of_each_is_refused():
    mapper = Mapper([Column("a", ("id",)), Column("e", (".",))], "hass")
    assert list(mapper.rows({"id": 1, "has": [2]})) == []
    with pytest.raises(
        Refusal, match="table t, each: the path hass occurs in no record of s; the keys there are"
    ):
        mapper.check_paths("t", "s")


def test_records_that_are_not_the_tables_give_no_row_and_are_counted():
    records = [
        {"id": 1, "type": "a", "n": {"ok": True}},
        {"id": 2, "type": "b", "n": {"ok": True}},
        {"id": 3, "type": "c", "n": {"ok": True}},
        {"id": 4, "type": "a", "n": {"ok": 1}},
        {"id": 5, "type": ["a"], "n": {"ok": True}},
        {"id": 6},
    ]
    mapper = mapper_of({"id": "id"}, where={"type": ("a", "b"), "n.ok": (True,)})
    assert [row for record in records for row in mapper.rows(record)] == [[1], [2]]
    assert mapper.filtered == 4


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((1,), "1 1.0"),
        ((True,), "true"),
        (("1",), "'1'"),
        ((None,), "absent null"),
        ((0, None), "absent null 0"),
    ],
)
def test_a_value_is_one_of_its_own_type(values, found):
    there = {"null": None, "0": 0, "1": 1, "1.0": 1.0, "true": True, "'1'": "1", "[1]": [1], "{}": {}}
    records = [{"id": "absent"}, *({"id": name, "v": value} for name, value in there.items())]
    assert [name for (name,) in rows({"id": "id"}, *records, where={"v": values})] == found.split()


def test_elements_are_filtered_and_a_record_that_is_not_the_tables_with_all_of_its_elements():
    where = {"type": ("a",), ".kind": ("x",)}
    mapper = mapper_of({"id": "id", "n": ".n"}, each="has", where=where)
    records = [
        {"id": 1, "type": "a", "has": [{"n": 1, "kind": "x"}, {"n": 2, "kind": "y"}, 3]},
        {"id": 2, "type": "b", "has": [{"n": 4, "kind": "x"}, {"n": 5, "kind": "x"}]},
        {"id": 3, "type": "b"},
    ]
    assert [row for record in records for row in mapper.rows(record)] == [[1, 1]]
    assert mapper.filtered == 4


def test_elements_that_are_values_are_filtered():
    assert rows({"e": "."}, {"has": ["x", "y"]}, each="has", where={".": ("y",)}) == [["y"]]


@pytest.mark.parametrize(
    ("path", "condition", "message"),
    [
        ("id", "typ", "where typ: the path typ occurs in no record of s; the keys there are id, type, other"),
        ("other", "type", "column a: the path other occurs in no record of s; the keys there are id, type;"),
    ],
)
def test_paths_of_conditions_are_looked_for_in_all_records_and_those_of_columns_in_the_tables_own(
    path, condition, message
):
    mapper = mapper_of({"a": path}, where={condition: ("a",)})
    for record in ({"id": 1, "type": "a"}, {"id": 2, "type": "b", "other": 1}):
        list(mapper.rows(record))
    with pytest.raises(Refusal, match=message):
        mapper.check_paths("t", "s")


def test_a_number_in_a_path_is_an_element_of_an_array_or_a_key_of_an_object():
    columns = {"first": "a.0", "deep": "a.1.id", "key": "b.0"}
    assert rows(columns, {"a": ["x", {"id": 2}], "b": {"0": "k"}}) == [["x", 2, "k"]]
    assert rows(columns, {"a": [], "b": {}}) == [[None, None, None]]


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("a.id", "the keys there are those of an array (0 is its first element, of 2)"),
        ("a.2", "the keys there are those of an array (0 is its first element, of 2)"),
        ("b.0", "the keys there are none, it is no object"),
    ],
)
def test_a_path_into_what_has_no_such_place_is_refused_and_not_nothing(path, there):
    mapper = mapper_of({"c": path})
    assert list(mapper.rows({"a": ["x", "y"], "b": "text"})) == [[None]]
    with pytest.raises(Refusal, match=re.escape(f"the path {path} occurs in no record of s; {there}")):
        mapper.check_paths("t", "s")
