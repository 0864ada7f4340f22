"""Limits of the verification, as a dataset declares them."""

from __future__ import annotations

import math

import pytest

from plugins.module_utils.reingest.dataset.limits import Limit
from plugins.module_utils.reingest.dataset.parse import parse_dataset
from plugins.module_utils.reingest.errors import Refusal


@pytest.fixture
def dataset(tmp_path):
    """Return ``make(of the table, of all tables)``: a dataset with these lines."""

    def make(table="", checks="{}"):
        file = tmp_path / "dataset.yml"
        file.write_text(
            "database: d\nschema: s.sql\n"
            f"checks: {checks}\ntables:\n  t: {{owner: source, from: a.csv{', ' if table else ''}{table}}}\n"
        )
        return parse_dataset(file)

    return make


def limit(dataset, kind, column=""):
    return dataset.tables[0].limits.limit(kind, dataset.limits, column)


def test_the_column_s_own_limit_comes_before_the_table_s_and_that_before_the_dataset_s(dataset):
    declared = dataset("shrink: 3%, emptied: 40%, profile: {a: {emptied: any}}", "{shrink: 1%, growth: 900%}")
    assert limit(declared, "shrink") == Limit(0.03, declared=True)
    assert limit(declared, "growth") == Limit(9.0, declared=True)
    assert limit(declared, "emptied", "a") == Limit(math.inf, declared=True)
    assert limit(declared, "emptied", "b") == Limit(0.4, declared=True)


def test_what_nobody_declares_has_a_default(dataset):
    assert limit(dataset(), "shrink") == Limit(0.05, declared=False)
    assert limit(dataset(), "range", "a").shown == "1000%"


def test_a_table_or_a_column_can_be_left_out(dataset):
    assert dataset("profile: false").tables[0].limits.profiled is False
    assert dataset("profile: true").tables[0].limits.profiled is True
    assert dataset("profile: {email: false}").tables[0].limits.left_out == {"email"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("growth: 2", "tables.t.growth: must be a percentage such as 5%, not 2"),
        ("growth: inf%", "tables.t.growth: must be a percentage"),
        ("lost: 101%", "tables.t.lost: must be a percentage"),
        ("profile: nothing", "tables.t.profile: must be a list of `key: value`, not 'nothing'"),
        ("profile: {a: {shrink: 1%}}", "tables.t.profile.a: unknown key shrink; the keys here are emptied, "),
        ("profile: {a: 5%}", "tables.t.profile.a: must be a list of `key: value`"),
    ],
)
def test_what_is_no_limit_is_refused_with_its_place(dataset, table, said):
    with pytest.raises(Refusal) as refused:
        dataset(table)
    assert said in str(refused.value)


def test_limits_are_for_tables_of_owner_source(dataset, tmp_path):
    dataset()
    file = tmp_path / "dataset.yml"
    file.write_text("database: d\nschema: s.sql\ntables:\n  t: {owner: portal, growth: 5%}\n")
    with pytest.raises(Refusal, match=r"tables\.t\.growth: is for tables of owner source"):
        parse_dataset(file)
