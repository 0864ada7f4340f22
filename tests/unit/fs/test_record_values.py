"""What a record may hold: the fields of its class, each of its type, and ids that are no paths."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from plugins.module_utils.reingest.fs.record_values import (
    MaybeTime,
    RunId,
    parse_document,
    record_from,
)

DEEP = 100_000


@dataclass(frozen=True)
class Place:
    inode: int


@dataclass(frozen=True)
class Kinds:
    run: RunId
    text: str
    number: int
    seconds: float
    flag: bool
    place: Place
    names: tuple[str, ...] = ()
    ids: Mapping[RunId, str] = None
    any: Any = None
    at: MaybeTime = ""


WHOLE = {
    "run": "20261123T114500Z-0f3a-watchdog",
    "text": "",
    "number": 7,
    "seconds": 60,
    "flag": True,
    "place": {"inode": 1},
    "names": ["a"],
    "ids": {"run-1": "x"},
    "any": [{}],
    "at": "2026-11-23T11:45:00+00:00",
}


def test_a_whole_one_is_its_class():
    made = record_from(Kinds, WHOLE)
    assert (made.place, made.names, made.ids, made.any) == (Place(1), ("a",), {"run-1": "x"}, [{}])
    assert isinstance(made.seconds, float)


def test_what_has_a_default_may_be_missing():
    needed = {name: WHOLE[name] for name in ("run", "text", "number", "seconds", "flag", "place")}
    assert record_from(Kinds, needed).names == ()


def test_a_name_on_disk_that_is_no_utf_8_is_a_text():
    assert record_from(Kinds, {**WHOLE, "text": "/data/\udcff"}).text == "/data/\udcff"


@pytest.mark.attack
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run", "/etc"),
        ("run", "../../etc"),
        ("run", ".."),
        ("run", ""),
        ("run", "a/b"),
        ("run", "a\n"),
        ("run", "x" * 129),
        ("run", None),
        ("text", 7),
        ("text", "\0"),
        ("text", "\ud800"),
        ("number", True),
        ("number", 1.0),
        ("number", "7"),
        ("number", 10**30),
        ("seconds", float("inf")),
        ("seconds", float("nan")),
        ("seconds", 10**400),
        ("flag", 1),
        ("place", None),
        ("place", {"inode": "1"}),
        ("place", {"inode": 1, "path": "/"}),
        ("names", "abc"),
        ("names", [1]),
        ("ids", {"../x": "y"}),
        ("ids", [["a", "b"]]),
        ("at", "2026-11-23T11:45:00"),
        ("at", "yesterday"),
        ("other", 1),
    ],
)
def test_a_field_of_another_kind_is_refused(field, value):
    with pytest.raises(ValueError):
        record_from(Kinds, {**WHOLE, field: value})


@pytest.mark.parametrize("raw", [None, [], "", {}, {"run": "x"}])
def test_what_is_no_such_object_is_refused(raw):
    with pytest.raises(ValueError):
        record_from(Kinds, raw)


@pytest.mark.attack
@pytest.mark.parametrize(
    "text",
    ["[" * DEEP, '{"a":' * DEEP, '{"a": NaN}', '{"a": -Infinity}', "[]", "7", b"\xff", b'{"a": "\xff"}'],
    ids=lambda text: repr(text[:12]),
)
def test_a_document_that_is_no_object_of_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        parse_document(text)


def test_an_object_is_returned_as_it_is():
    assert parse_document(json.dumps(WHOLE)) == WHOLE
