"""A server of SQL tells the figures of the rows that come from it."""

from __future__ import annotations

import sqlite3

import pytest

from plugins.module_utils.reingest.dataset.model import Column, Table
from plugins.module_utils.reingest.independent.kinds import DATE, PRESENT, TEXT, WHOLE
from plugins.module_utils.reingest.independent.part import NotFollowedError
from plugins.module_utils.reingest.independent.server import check_server, server_figures
from plugins.module_utils.reingest.sources.reading import Reading
from plugins.module_utils.reingest.sources.source import Query


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as database:
        database.execute('CREATE TABLE "t" ("id" integer, "a ""name" text, "day" text)')
        database.executemany(
            "INSERT INTO t VALUES (?, ?, ?)", [(1, "é", "2020-01-01"), (2, None, None), ("x", 3.5, "")]
        )
    return path


def figures(file, columns, kinds, **query):
    source = Query(f"sqlite:///{file}", query.get("table", ""), query.get("query", ""))
    table = Table("t", "source", reading=Reading(format="sql"), columns=columns)
    return server_figures(table, (source, source), kinds)


def test_figures_of_several_sources_are_added_up(file):
    columns = (Column("id", ("id",)), Column("name", ('a "name', "day")), Column("day", ("day",)))
    found = figures(
        file, columns, {"id": WHOLE, "name": TEXT, "day": DATE}, query="SELECT * FROM t WHERE id < 3;"
    )
    assert found.rows == 4
    assert found.columns["id"].figures == {"sum": "6"}
    assert (found.columns["name"].values, found.columns["name"].figures) == (2, {"bytes": "4"})
    assert found.columns["day"].why_not == "its server is asked for whole numbers and texts only"


def test_values_of_another_type_are_counted_apart(file):
    found = figures(file, (Column("id", ("id",)),), {"id": WHOLE}, table="t")
    assert (found.columns["id"].values, found.columns["id"].made) == (6, 4)


@pytest.mark.parametrize(
    ("columns", "query", "told"),
    [
        ((Column("id", ("id.x",)),), {"table": "t"}, "a server is not asked for id.x"),
        ((Column("id", ("id",)),), {"table": "absent"}, "no such table: absent"),
    ],
)
def test_what_a_server_cannot_be_asked_is_not_followed(file, columns, query, told):
    with pytest.raises(NotFollowedError, match=told):
        figures(file, columns, {"id": PRESENT}, **query)


def test_arrays_and_conditions_are_not_followed():
    with pytest.raises(NotFollowedError, match="`each:`"):
        check_server(Table("t", "source", each="a"), ())
