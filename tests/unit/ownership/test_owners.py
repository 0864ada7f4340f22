"""Who owns a table by the dataset, or by the table that it is a part of."""

from __future__ import annotations

import pytest
import yaml

from plugins.module_utils.reingest.dataset.parse import parse_dataset
from plugins.module_utils.reingest.ownership.catalog import Catalog, Table
from plugins.module_utils.reingest.ownership.owners import owned_by, owner_faults, owners_of


@pytest.fixture
def dataset(tmp_path):
    """Return ``make(owners)``: a dataset whose tables have these owners."""

    def make(**owners):
        tables = {name: {"owner": owner} for name, owner in owners.items()}
        document = {"database": "d", "tables": tables}
        (tmp_path / "dataset.yml").write_text(yaml.safe_dump(document))
        return parse_dataset(tmp_path / "dataset.yml", loaded_elsewhere=True)

    return make


def catalog(**parents):
    """Return a catalogue of tables, each with those that it inherits from."""
    return Catalog(
        {name: Table("public", name, parents=tuple(above.split())) for name, above in parents.items()}
    )


def test_a_child_follows_its_table_over_generations(dataset):
    tables = catalog(note="", note_2025="note", note_2025_05="note_2025")
    assert owners_of(dataset(note="portal"), tables, "note_2025_05") == {"portal"}
    assert owned_by(dataset(note="portal"), tables, "portal") == {
        "note": "note",
        "note_2025": "note",
        "note_2025_05": "note",
    }
    assert owner_faults(dataset(note="portal"), tables, tables) == []


def test_a_child_is_not_named_beside_the_table_that_has_no_owner(dataset):
    tables = catalog(a="", note="", note_2025="note")
    [fault] = owner_faults(dataset(a="source"), tables, Catalog())
    assert fault.lines == ("  note: {owner: portal}  # in the schema",)


def test_a_child_that_is_a_table_of_its_own_in_production_needs_an_owner(dataset):
    [fault] = owner_faults(dataset(note="portal"), catalog(note="", old="note"), catalog(note="", old=""))
    assert fault.lines == ("  old: {owner: portal}  # in the schema and in production",)


def test_parents_of_two_owners_tear_a_child(dataset):
    tables = catalog(a="", b="", c="a b")
    [fault] = owner_faults(dataset(a="portal", b="schema"), tables, Catalog())
    assert fault.message == (
        "table c inherits from a (portal), b (schema): a row of it is a row of each of them"
    )


def test_a_child_of_an_unnamed_and_a_named_table_follows_the_named_one(dataset):
    tables = catalog(a="", b="", c="a b")
    assert owned_by(dataset(b="portal"), tables, "portal") == {"b": "b", "c": "b"}


@pytest.mark.parametrize(
    "name", ["yes", "Null", "1", "two words", 'a"b', "a: b", "#x", "ä", "a\nb", "-", "a'b"]
)
def test_the_lines_to_paste_are_yaml_with_the_very_name(dataset, name):
    tables = Catalog({name: Table("public", name)})
    [fault] = owner_faults(dataset(a="source"), tables, Catalog())
    assert yaml.safe_load("tables:\n" + "\n".join(fault.lines)) == {"tables": {name: {"owner": "portal"}}}


def test_what_the_portals_own_loader_makes_is_not_told_to_be_missing_in_a_schema(dataset):
    [fault] = owner_faults(dataset(a="source"), Catalog(), catalog(old=""), by_schema=False)
    assert fault.lines == ("  old: {owner: portal}  # in production",)
    [fault] = owner_faults(dataset(a="source"), catalog(new=""), Catalog(), by_schema=False)
    assert fault.lines == ("  new: {owner: portal}  # the loader made it",)


def test_a_misspelt_table_is_told_as_that_and_not_as_one_without_owner(dataset):
    faults = owner_faults(
        dataset(stduy="source", sample="source"), catalog(study="", sample="", note=""), Catalog()
    )
    misspelt, missing = faults
    assert "names table stduy, which neither the schema nor production has" in misspelt.message
    assert misspelt.remedy == "did you mean study? Correct the name"
    assert missing.lines == ("  note: {owner: portal}  # in the schema",)
