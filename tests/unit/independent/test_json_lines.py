"""DuckDB reads of JSON lines what the loader's own reader reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.module_utils.reingest.dataset.mapping import Mapper
from plugins.module_utils.reingest.dataset.model import Column, Condition
from plugins.module_utils.reingest.independent.engine import UnreadableError
from plugins.module_utils.reingest.independent.kinds import PRESENT, WHOLE
from plugins.module_utils.reingest.independent.part import NotFollowedError
from plugins.module_utils.reingest.sources.json_lines import read_json_lines
from plugins.module_utils.reingest.sources.reading import Reading

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES = st.none() | st.booleans() | TEXTS | st.integers(-(2**53), 2**53)
RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["x", "y", "in"]), VALUES | st.fixed_dictionaries({"z": VALUES})),
    max_size=10,
)
COLUMNS = (
    Column("x", ("x",), optional=True),
    Column("deep", ("in.z",), optional=True),
    Column("either", ("y", "x"), optional=True),
    Column("rest", ("*",)),
)
WHERE = (Condition("y", ("a", 1, True, None)),)


def shown(value):
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else value if isinstance(value, str) else json.dumps(value)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(records=RECORDS, ascii_only=st.booleans(), filtered=st.booleans())
def test_both_readers_read_the_same(read, texts, folder, records, ascii_only, filtered):
    file = folder / "t.jsonl"
    file.write_text(
        "".join(json.dumps(one, ensure_ascii=ascii_only) + "\n" for one in records), encoding="utf-8"
    )
    where = WHERE if filtered else ()
    mapper = Mapper(COLUMNS, where=where)
    rows = [row for _, one in read_json_lines(file, Reading(format="jsonl")) for row in mapper.rows(one)]
    kinds = {**texts("x", "deep", "either"), "rest": PRESENT}
    found = read([file], kinds, kind="jsonl", columns=COLUMNS, where=where)
    assert found.rows == len(rows)
    for at, name in enumerate(("x", "deep", "either", "rest")):
        values = [row[at] for row in rows if row[at] is not None]
        assert found.columns[name].values == len(values)
        if name != "rest" and not any(isinstance(one, (dict, list)) for one in values):
            size = str(sum(len(shown(one).encode()) for one in values)) if values else None
            assert found.columns[name].figures["bytes"] == size


ELEMENTS = st.lists(VALUES | st.fixed_dictionaries({"n": VALUES}), max_size=4)
EACH = (Column("x", ("x",), optional=True), Column("all", (".",)), Column("n", (".n",), optional=True))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    records=st.lists(
        st.fixed_dictionaries(
            {"x": VALUES}, optional={"in": st.fixed_dictionaries({"each": ELEMENTS | st.none()})}
        )
    ),
    filtered=st.booleans(),
)
def test_both_readers_see_the_same_elements(read, texts, folder, records, filtered):
    file = folder / "each.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    where = (Condition(".n", ("a", 1, None)), Condition("x", (None, True, "a", 0))) if filtered else ()
    mapper = Mapper(EACH, "in.each", where=where)
    rows = [row for _, one in read_json_lines(file, Reading(format="jsonl")) for row in mapper.rows(one)]
    found = read([file], texts("x", "all", "n"), kind="jsonl", columns=EACH, where=where, each="in.each")
    assert found.rows == len(rows)
    for at, name in enumerate(("x", "all", "n")):
        values = [row[at] for row in rows if row[at] is not None]
        assert found.columns[name].values == len(values)
        if not any(isinstance(one, dict) for one in values):
            size = str(sum(len(shown(one).encode()) for one in values)) if values else None
            assert found.columns[name].figures["bytes"] == size


def test_what_is_no_array_is_told(read, texts, source):
    with pytest.raises(UnreadableError, match="Expected ARRAY"):
        read([source('{"a": "x"}\n')], texts("."), kind="jsonl", each="a")


def test_a_line_that_is_no_json_is_told(read, texts, source):
    with pytest.raises(UnreadableError, match=r"Malformed JSON in file \"source\""):
        read([source('{"a": 1}\n{"a": \n{"a": 3}\n')], texts("a"), kind="jsonl")


def test_a_key_that_is_there_twice_is_told(read, texts, source):
    with pytest.raises(UnreadableError, match='duplicate key "a"'):
        read([source('{"a": 1, "a": 2}\n')], texts("a"), kind="jsonl")


def test_keys_that_differ_by_case_are_not_followed(read, texts, source):
    with pytest.raises(NotFollowedError, match="differ only by case"):
        read([source('{"a": 1, "A": 2}\n')], texts("a", "A"), kind="jsonl")


def test_whole_numbers_keep_all_their_digits(read, source):
    found = read([source('{"a": 9223372036854775807}\n{"a": "-1"}\n')], {"a": WHOLE}, kind="jsonl")
    assert found.columns["a"].figures == {"sum": "9223372036854775806"}
