"""Patterns in `tables:`: the one that says most of a name takes the table, a tie is refused."""

from __future__ import annotations

import pytest
import yaml

from plugins.module_utils.reingest.dataset.parse import parse_dataset
from plugins.module_utils.reingest.dataset.patterns import expanded, pattern_lines
from plugins.module_utils.reingest.errors import Refusal


@pytest.fixture
def dataset(tmp_path):
    """Return ``make(tables)``: the dataset of a portal whose own loader fills the tables."""

    def make(tables):
        (tmp_path / "dataset.yml").write_text(
            yaml.safe_dump({"database": "d", "tables": tables}, sort_keys=False)
        )
        return parse_dataset(tmp_path / "dataset.yml", loaded_elsewhere=True)

    return make


TABLES = {
    "study": {"owner": "source", "shrink": "1%"},
    "*": {"owner": "source"},
    "user_*": {"owner": "portal", "orphans": "drop"},
    "user_agent": {"owner": "source"},
    "alembic_?ersion": {"owner": "schema"},
}
NAMES = ["study", "biosample", "user_logins", "user_agent", "alembic_version", "audit.log"]


def test_the_pattern_with_the_most_literal_characters_takes_a_table_and_a_named_one_is_its_own(dataset):
    made = expanded(dataset(TABLES), NAMES)
    assert {table.name: (table.owner, table.pattern) for table in made.tables} == {
        "study": ("source", ""),
        "user_agent": ("source", ""),
        "alembic_version": ("schema", "alembic_?ersion"),
        "audit.log": ("source", "*"),
        "biosample": ("source", "*"),
        "user_logins": ("portal", "user_*"),
    }
    assert made.table("user_logins").orphans == "drop"
    assert pattern_lines(made) == [
        "pattern * (source) takes audit.log, biosample",
        "pattern user_* (portal) takes user_logins",
        "pattern alembic_?ersion (schema) takes alembic_version",
    ]
    assert expanded(made, NAMES) == made


def test_two_patterns_that_say_as_much_of_a_name_are_refused(dataset):
    tied = dataset({"user_*": {"owner": "portal"}, "*_file": {"owner": "source"}})
    with pytest.raises(Refusal, match=r"user_\* and \*_file both take table user_file, .*: name the table"):
        expanded(tied, ["user_file"])
    assert expanded(tied, ["user_files"]).table("user_files").owner == "portal"


@pytest.mark.parametrize("key", ["from", "columns", "oids", "on_reject"])
def test_what_is_for_one_table_is_refused_for_a_pattern(dataset, key):
    with pytest.raises(Refusal, match=f"{key}: is for one table, and a pattern stands for several"):
        dataset({"a*": {"owner": "portal" if key == "oids" else "source", key: "x"}})


def test_users_rows_are_expected_where_only_a_pattern_is_the_portals(dataset):
    assert dataset({"*": {"owner": "portal"}}).portal
    assert not dataset({"*": {"owner": "source"}}).portal
