"""`objects:` of the dataset: rules by kind and pattern."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.dataset.document import Section
from plugins.module_utils.reingest.dataset.model import ObjectRule
from plugins.module_utils.reingest.dataset.objects import read_objects
from plugins.module_utils.reingest.errors import Refusal


def top(*rules):
    return Section("dataset.yml", "", {"objects": list(rules)})


def test_rules_keep_their_order_and_kinds_may_be_written_as_postgresql_names_them():
    rules = read_objects(
        top(
            {"kind": "materialized view", "name": "public.*", "do": "carry"},
            {"kind": "*", "name": "*", "do": "ignore"},
        )
    )
    assert rules == (
        ObjectRule("materialized-view", "public.*", "carry"),
        ObjectRule("*", "*", "ignore"),
    )


def test_without_the_key_there_are_none():
    assert read_objects(Section("dataset.yml", "", {})) == ()


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"kind": "view", "name": "x", "do": "copy"}, "objects[0].do: 'copy' is none of carry, fail, ignore"),
        ({"kind": "view", "do": "carry"}, "objects[0]: the key name is missing"),
        ({"name": "x", "do": "carry"}, "objects[0]: the key kind is missing"),
        ({"kind": "v1!", "name": "x", "do": "carry"}, "objects[0].kind: must be a kind such as view"),
        ({"kind": "view", "name": "x", "do": "carry", "schema": "y"}, "unknown key schema"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(rule, reason):
    with pytest.raises(Refusal) as refused:
        read_objects(top(rule))
    assert reason in str(refused.value)
