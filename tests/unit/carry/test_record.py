"""The manifest of carried rows: what is written is read back, and what is not in its form is none."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from plugins.module_utils.reingest.carry.record import CarriedUnit, carried_units
from plugins.module_utils.reingest.carry.unit import Unit
from plugins.module_utils.reingest.fs.record_values import record_from

CHILD = ("public", "child")
UNIT = Unit(
    "t",
    "drop",
    CHILD,
    (("public", "between"), ("public", "t")),
    CHILD,
    ("id", "picture"),
    ("integer", "oid"),
    binary=False,
    from_partitions=False,
    to_partitions=False,
    large_objects=("picture",),
)


def test_a_unit_is_read_back_as_it_was_taken():
    [written] = carried_units({UNIT: "unit0"})
    assert record_from(CarriedUnit, asdict(written)).unit == UNIT


@pytest.mark.parametrize(
    "change",
    [
        {"above": [["public"]]},
        {"above": [["public", "t", "x"]]},
        {"above": ["t"]},
        {"above": [["public", 1]]},
        {"large_objects": "picture"},
        {"large_objects": [["picture"]]},
        {"file": "../pages"},
    ],
)
def test_a_unit_that_is_not_in_its_form_is_refused(change):
    [written] = carried_units({UNIT: "unit0"})
    with pytest.raises(ValueError):
        record_from(CarriedUnit, {**asdict(written), **change})
