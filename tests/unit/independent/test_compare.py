"""What differs is told by its column; within the rows that were left out only what these cannot explain."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.independent.compare import compare
from plugins.module_utils.reingest.independent.doubts import Doubt
from plugins.module_utils.reingest.independent.figures import ColumnFigures, Figures, from_plain, plain
from plugins.module_utils.reingest.independent.kinds import TEXT, WHOLE
from plugins.module_utils.reingest.independent.part import PASSING, STRICT, NotFollowedError

KINDS = {"name": TEXT, "size": WHOLE}


def figures(
    rows=10, *, names=9, bytes_=90, ends=("a", "z"), sizes=10, total=55, whole="1", mode=STRICT, **more
):
    name = dict(zip(TEXT.figures, (str(bytes_), *ends)))
    columns = {
        "name": ColumnFigures(names, names, name, **more),
        "size": ColumnFigures(sizes, sizes, {"sum": str(total)}),
    }
    return Figures(rows, 0, whole, columns, mode)


def differs(table, sources, left_out=0, doubts=None):
    return dict(compare(table, sources, KINDS, left_out, doubts or {}).differs)


def test_equal_figures_are_no_difference():
    assert differs(figures(), figures()) == {}


@pytest.mark.parametrize(
    ("table", "column", "told"),
    [
        ({"rows": 11}, "", "10 rows are in the sources, and 11 in the table"),
        ({"names": 10}, "name", "9 values are not NULL in the sources, 10 in the table"),
        ({"bytes_": 91}, "name", "bytes: 90 in the sources, 91 in the table"),
        ({"ends": ("N", "z")}, "name", "smallest value: a in the sources, N in the table"),
        ({"total": 54}, "size", "sum: 55 in the sources, 54 in the table"),
        (
            {"whole": "2"},
            "",
            "values stand in other rows than in the sources: each column has the same values",
        ),
    ],
)
def test_what_differs_is_told_by_its_column(table, column, told):
    assert differs(figures(**table), figures()) == {column: told}


def test_rows_that_were_left_out_explain_less_of_everything():
    table = figures(8, names=7, bytes_=70, ends=("b", "y"), sizes=8, total=1, whole="2")
    assert differs(table, figures(), left_out=2) == {}
    assert set(differs(table, figures(), left_out=1)) == {"", "name", "size"}


@pytest.mark.parametrize(
    "table", [{"bytes_": 91}, {"ends": ("A", "z")}, {"ends": ("a", "zz")}, {"names": 10}]
)
def test_rows_that_were_left_out_explain_no_more_of_anything(table):
    assert list(differs(figures(9, **{"sizes": 9, **table}), figures(), left_out=1)) == ["name"]


def test_a_column_that_cannot_be_followed_is_compared_by_its_nulls():
    sources = figures(bytes_=1, why_not="written as it likes")
    assert compare(figures(), sources, KINDS, 0, {}).not_compared == {"name": "written as it likes"}
    assert list(differs(figures(names=8), sources)) == ["name"]


def test_doubtful_values_excuse_figures_and_not_nulls():
    doubts = {"name": Doubt(1, 0, "are numbers")}
    found = compare(figures(bytes_=91), figures(), KINDS, 0, doubts)
    assert (found.differs, found.not_compared) == ({}, {"name": "1 values are numbers"})
    assert list(differs(figures(names=10), figures(), doubts=doubts)) == ["name"]


def test_records_that_are_others_by_right_are_not_followed():
    with pytest.raises(NotFollowedError, match="passes over other records"):
        differs(figures(), figures(8, mode=PASSING), left_out=1)
    with pytest.raises(NotFollowedError, match="1 values may have had an escape"):
        differs(
            figures(), figures(11), doubts={"name": Doubt(1, 0, "may have had an escape", of_records=True)}
        )


def test_figures_are_the_same_after_a_way_through_json():
    assert from_plain(plain(figures())) == figures()
