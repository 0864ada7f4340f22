"""What makes a table of an unfinished load another one, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from plugins.module_utils.reingest.dataset.parse import parse_dataset
from plugins.module_utils.reingest.load.digests import load_identity, table_digest
from plugins.module_utils.reingest.sources.files import SourceFile

DATASET = """
database: library
schema: schema.sql
sources: r1
tables:
  author:
    owner: source
    from: author.csv
    columns: {id: id, name: name}
    shrink: 5%
  loan: {owner: portal}
"""
FILE = SourceFile(Path("/r1/author.csv"), "author.csv", 10, 1, "aa")
OTHER = replace(FILE, name="more.csv", sha256="bb")


@pytest.fixture
def dataset(tmp_path):
    """Return the dataset with one text replaced by another."""

    def made(old="", new=""):
        (tmp_path / "dataset.yml").write_text(DATASET.replace(old, new) if old else DATASET)
        return parse_dataset(tmp_path / "dataset.yml")

    return made


def digest(dataset, files=(FILE,), prove="content"):
    return table_digest(dataset.tables[0], files, prove)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: name", "name: title"),
        ("shrink: 5%", "null: none"),
        ("shrink: 5%", "duplicates: drop"),
        ("shrink: 5%", "on_reject: quarantine\n    max_rejects: 1"),
    ],
)
def test_another_section_is_another_table(dataset, old, new):
    assert digest(dataset(old, new)) != digest(dataset())


@pytest.mark.parametrize("new", ["shrink: 6%", "orphans: drop"])
def test_what_is_judged_later_makes_no_other_table(dataset, new):
    assert digest(dataset("shrink: 5%", new)) == digest(dataset())


@pytest.mark.parametrize(
    "files",
    [(OTHER,), (FILE, OTHER), (), (replace(FILE, size=11),), (replace(FILE, sha256="ab"),)],
)
def test_other_sources_make_another_table(dataset, files):
    assert digest(dataset(), files) != digest(dataset())


def test_the_order_of_sources_matters(dataset):
    assert digest(dataset(), (FILE, OTHER)) != digest(dataset(), (OTHER, FILE))


def test_the_same_content_elsewhere_and_later_makes_no_other_table(dataset):
    copy = replace(FILE, path=Path("/r2/author.csv"), modified_ns=2)
    assert digest(dataset(), (copy,)) == digest(dataset())


def test_another_proof_makes_another_table(dataset):
    assert digest(dataset(), prove="counts") != digest(dataset())


@pytest.mark.parametrize(
    ("old", "new"),
    [("database: library", "database: archive"), ("loan: {owner: portal}", "loan: {owner: schema}")],
)
def test_another_database_or_owner_is_another_load(dataset, old, new):
    assert load_identity(dataset(old, new), "schema") != load_identity(dataset(), "schema")


def test_another_schema_is_another_load(dataset):
    assert load_identity(dataset(), "schema") != load_identity(dataset(), "other")


def test_another_section_or_check_is_the_same_load(dataset):
    assert load_identity(dataset("name: name", "name: title"), "schema") == load_identity(dataset(), "schema")
