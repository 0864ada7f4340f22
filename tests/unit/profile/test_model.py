"""Profiles as they are kept."""

from __future__ import annotations

import json

import pytest

from plugins.module_utils.reingest.profile.model import NUMBER, ColumnProfile, TableProfile, from_plain

PROFILE = TableProfile(
    3,
    {"id": ColumnProfile("integer", NUMBER, 3, minimum="1", maximum="3", total="6")},
    ("id",),
    str(-(1 << 70)),
    8192,
)


def test_a_profile_is_read_as_it_was_written():
    assert from_plain(json.loads(json.dumps(PROFILE.plain()))) == PROFILE


@pytest.mark.parametrize(
    "wrong", [{"rows": "3"}, {"rows": True}, {"keys": 7}, {"key": [1]}, {"columns": {"id": {}}}]
)
def test_what_is_no_profile_is_refused(wrong):
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_plain({**PROFILE.plain(), **wrong})
