"""Values that production has and the load has not, by the statistics of both and by the table itself."""

from __future__ import annotations

import pytest
from integration.profile.test_scan import EVERY_KIND

from plugins.module_utils.reingest.profile.scan import scan_table
from plugins.module_utils.reingest.profile.shape import read_shapes
from plugins.module_utils.reingest.profile.statistics import vanished_values, with_statistics

MANY = "INSERT INTO a SELECT i, (ARRAY['soil','water','%s'])[1 + i % 3] FROM generate_series(1, 600) i"
MADE = "CREATE TABLE a (id int PRIMARY KEY, kind text)"


def profile(connection, name="a"):
    shape = read_shapes(connection)[name]
    return with_statistics(connection, shape, scan_table(connection, shape))


@pytest.fixture
def before(database):
    return profile(database(MADE, MANY, "ANALYZE"))


def vanished(connection, before):
    return vanished_values(connection, read_shapes(connection)["a"], before, profile(connection))


def test_statistics_tell_of_categories_and_of_how_many_values_there_are(before):
    assert before.columns["kind"].distinct == 3
    assert before.columns["kind"].common.keys() == {"soil", "water", "%s"}
    assert before.columns["id"].distinct == 600
    assert before.columns["id"].common is None


def test_a_table_that_was_never_analysed_has_none(database):
    columns = profile(database(MADE, MANY)).columns
    assert (columns["kind"].distinct, columns["kind"].common) == (None, None)


def test_a_value_that_no_row_has_any_more_is_found_with_its_share(database, before):
    gone = vanished(database(MADE, MANY, "UPDATE a SET kind = 'Soil' WHERE kind = 'soil'", "ANALYZE"), before)
    assert gone == {"kind": {"soil": pytest.approx(1 / 3, abs=0.01)}}


def test_a_value_that_the_statistics_lack_and_a_row_has_is_not_missed(database, before):
    assert vanished(database(MADE, MANY), before) == {}


def test_truths_and_enums_have_categories_and_dates_have_not(database):
    values = (
        "SELECT i, 'b', 'x', true, 1, 1, 1, '2020-01-01', now(), '1 s', 'large' FROM generate_series(4, 99) i"
    )
    columns = profile(
        database(EVERY_KIND, f"INSERT INTO every_kind {values}", "ANALYZE"), "every_kind"
    ).columns
    assert columns["ok"].common.keys() == {"t"}
    assert columns["kind"].common.keys() == {"large"}
    assert columns["day"].common is None
