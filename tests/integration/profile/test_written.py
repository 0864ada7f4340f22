"""Marks by which it is known that nobody wrote to a table."""

from __future__ import annotations

import pytest
from waiting import wait_for

from plugins.module_utils.reingest.profile.written import read_marks

MADE = (
    "CREATE TABLE a (id int, t text); INSERT INTO a SELECT i, 'x' FROM generate_series(1, 100) i;"
    "CREATE TABLE empty (id int);"
    "CREATE TABLE parted (id int) PARTITION BY LIST (id); CREATE TABLE one PARTITION OF parted DEFAULT;"
    "INSERT INTO parted VALUES (1)"
)


@pytest.fixture
def marks(server, database):
    """Return ``read()``: the marks as a new session sees them."""
    database(MADE).close()

    def read():
        connection = server.connect("profiled")
        try:
            return read_marks(connection)
        finally:
            connection.close()

    wait_for(lambda: read().keys() == {"a", "empty", "parted"})
    return read


def test_a_table_that_is_read_and_vacuumed_keeps_its_mark_over_a_clean_stop(server, marks):
    before = marks()
    server.rows("SELECT count(*) FROM a", "profiled")
    server.rows("VACUUM (FREEZE, ANALYZE)", "profiled")
    server.stop()
    server.start()
    assert marks() == before


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("a", "INSERT INTO a VALUES (101, 'y')"),
        ("a", "UPDATE a SET t = 'y' WHERE id = 1"),
        ("a", "DELETE FROM a WHERE id = 1"),
        ("a", "TRUNCATE a"),
        ("a", "ALTER TABLE a ALTER id TYPE bigint"),
        ("empty", "INSERT INTO empty VALUES (1)"),
        ("parted", "INSERT INTO parted VALUES (2)"),
        ("parted", "CREATE TABLE two PARTITION OF parted FOR VALUES IN (7)"),
    ],
)
def test_who_writes_changes_the_mark_of_that_table(server, marks, table, statement):
    before = marks()
    server.rows(statement, "profiled")
    wait_for(lambda: marks().get(table) != before[table])
    others = before.keys() - {table}
    assert {name: marks().get(name) for name in others} == {name: before[name] for name in others}


def test_a_server_that_crashed_has_forgotten_and_so_has_one_whose_counts_were_reset(server, marks):
    server.rows("SELECT pg_stat_reset()", "profiled")
    wait_for(lambda: "a" not in marks())
    server.rows("UPDATE a SET t = 'z'", "profiled")
    wait_for(lambda: "a" in marks())
    server.stop("immediate")
    server.start()
    assert "a" not in marks()


def test_a_server_that_does_not_count_has_no_marks(server, marks):
    server.rows("ALTER DATABASE profiled SET track_counts = off", "profiled")
    assert marks() == {}
