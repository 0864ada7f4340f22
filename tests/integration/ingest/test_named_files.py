"""Files that once ended a load, or were read wrongly: rows or reasons come of each (`make test-files`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from files.judge import faults_of_case
from files.load_once import load
from files.named import cases
from tiers import sample

CASES = {case.name: case for case in cases()}
QUICK = (
    "a row too big for a page",
    "a value too long for an index (plain)",
    "gzip with other bytes behind it",
    "BSON nested 500 deep",
    "Parquet dates before Christ and after 9999",
    "ragged rows",
    "the same value in each row",
    "names with marks of statements, orphans: quarantine",
    "inheritance children with keys, duplicates and orphans",
    "a field for a generated column",
    "type names under SET search_path = app;",
    "an index's statistics target and what else its definition leaves out",
    "a schema whose names are in database postgres",
    "timeouts of the role",
)


@dataclass(frozen=True)
class Place:
    """What a load needs: a server, and a folder."""

    server: object
    folder: Path

    def dsn(self, database="postgres"):
        return self.server.dsn(database)

    def rows(self, query, database="portal"):
        return self.server.rows(query, database)


@pytest.fixture
def place(staging, tmp_path):
    yield Place(staging, tmp_path)
    staging.rows("DROP DATABASE IF EXISTS portal WITH (FORCE)")


def played(place, case, *, aside, prove="content"):
    """Load a case, and return what is wrong with how that ended."""
    for statement in filter(str.strip, case.before.split(";")):
        place.rows(statement, "template1" if "DATABASE" in statement else "postgres")
    try:
        top = {"on_reject": "quarantine"} if aside else {}
        end = load(place, case.files, case.schema, case.dataset(max_rejects="100%", **top), prove=prove)
    finally:
        for statement in filter(str.strip, case.after.split(";")):
            place.rows(statement, "postgres")
    return list(faults_of_case(place, case, end, aside=aside))


@pytest.mark.parametrize("name", sample(CASES, *QUICK))
def test_good_rows_are_loaded_and_bad_ones_are_set_aside_by_their_lines(place, name):
    assert played(place, CASES[name], aside=True) == []


@pytest.mark.parametrize("name", sample([name for name in CASES if CASES[name].bad], *QUICK[:2]))
def test_the_first_bad_row_ends_the_load_by_its_line(place, name):
    assert played(place, CASES[name], aside=False) == []


def test_another_reader_passes_over_a_value_that_is_the_same_in_each_row(place):
    case = CASES["the same value in each row, and an element of an array"]
    assert played(place, case, aside=True, prove="independent") == []


def test_no_database_of_a_trial_is_left(place, staging):
    staging.rows("CREATE DATABASE reingest_try_killed")
    assert played(place, CASES["ragged rows"], aside=True) == []
    assert staging.rows("SELECT datname FROM pg_database WHERE starts_with(datname, 'reingest_try')") == []
