"""Profiles that are kept with a snapshot, and which of them hold still."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from plugins.module_utils.reingest.profile.kept import (
    KeptProfiles,
    KeptTable,
    kept_from_plain,
    without_texts,
)
from plugins.module_utils.reingest.profile.model import NUMBER, TEXT, ColumnProfile, TableProfile
from plugins.module_utils.reingest.profile.shape import ProfiledColumn, ProfiledTable

COLUMNS = {
    "id": ColumnProfile("integer", NUMBER, 3, minimum="1", maximum="3", total="6"),
    "name": ColumnProfile("text", TEXT, 3, 9, minimum="Ada", maximum="Zoe", common={"Ada": 0.5}),
}
PROFILE = TableProfile(3, COLUMNS, ("id",), "7", 8192)
KEPT = KeptProfiles("20261123T114500Z", "portal", {"sample": KeptTable("1.8192.3.0.0", PROFILE)})
SHAPE = ProfiledTable(
    "public",
    "sample",
    {
        "id": ProfiledColumn("integer", NUMBER, ordered=True, summed=True, variable=False),
        "name": ProfiledColumn("text", TEXT, ordered=True, summed=False, variable=True),
    },
    ("id",),
    16384,
)
MARKS = {"sample": "1.8192.3.0.0"}


def holding(*, marks=MARKS, shape=SHAPE, left_out=()):
    return KEPT.holding(marks, {"sample": shape}, {"sample": left_out})


def test_what_is_kept_is_read_again():
    assert kept_from_plain(json.loads(json.dumps(KEPT.plain()))) == KEPT


def test_no_value_of_a_text_is_kept():
    kept = without_texts(PROFILE)
    assert "Ada" not in json.dumps(kept.plain())
    assert kept.columns["id"] == COLUMNS["id"]
    assert kept.columns["name"].text_bytes == 9


def test_the_profile_of_a_table_that_nobody_wrote_to_holds_with_its_size_of_now():
    assert holding() == {"sample": replace(PROFILE, disk=16384)}


def test_columns_that_are_left_out_now_are_not_taken():
    assert holding(left_out={"name"})["sample"].columns.keys() == {"id"}


@pytest.mark.parametrize(
    "changed",
    [
        {"marks": {"sample": "1.8192.4.0.0"}},
        {"marks": {}},
        {"shape": replace(SHAPE, key=())},
        {"shape": replace(SHAPE, columns={**SHAPE.columns, "new": SHAPE.columns["id"]})},
        {"shape": replace(SHAPE, columns={"id": replace(SHAPE.columns["id"], type="bigint")})},
    ],
)
def test_a_table_that_was_written_or_has_changed_is_read_anew(changed):
    assert holding(**changed) == {}


def test_a_table_without_a_mark_is_read_anew():
    unmarked = KeptProfiles("s", "portal", {"sample": KeptTable("", PROFILE)})
    assert unmarked.holding({"sample": ""}, {"sample": SHAPE}, {"sample": ()}) == {}


@pytest.mark.parametrize(
    "damaged", [{}, {"version": 2}, {"tables": []}, {"tables": {"a": {"mark": "", "profile": {}}}}]
)
def test_what_is_damaged_or_of_another_version_is_none(damaged):
    assert kept_from_plain({**KEPT.plain(), **damaged} if damaged else {}) is None
