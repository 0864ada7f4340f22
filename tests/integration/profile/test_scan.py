"""The profile of a table, read from real servers of every major."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.profile.model import LONGEST, NUMBER, OTHER, TEXT, TIME, TRUTH, from_plain
from plugins.module_utils.reingest.profile.scan import prepare_session, scan_table
from plugins.module_utils.reingest.profile.shape import read_shapes

EVERY_KIND = """
CREATE TYPE size AS ENUM ('small', 'large');
CREATE DOMAIN degree AS numeric(5, 2);
CREATE TABLE every_kind (
    id int PRIMARY KEY, name text, code char(4), ok boolean, depth bigint, ratio double precision, at degree,
    day date, seen timestamptz, lasts interval, kind size, raw bytea, note jsonb, tags text[], known uuid,
    place point, "odd %s name" varchar(9)
);
INSERT INTO every_kind VALUES
    (1, 'b', 'x', true, 5, 0.1, 1.5, '2020-01-02', '2020-01-01 12:00+02', '1 day', 'large', '\\x00ff',
     '{"a": 1}', '{p,q}', '8a000000-0000-4000-8000-000000000000', '(1,2)', '100%'),
    (2, 'Ä', 'yy', false, -7, 'NaN', 2.25, '1999-12-31', '2020-01-01 12:00+00', '2 hours', 'small', '\\x01',
     '[]', '{}', '0a000000-0000-4000-8000-000000000000', '(3,4)', NULL),
    (3, 'B', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"""


@pytest.fixture
def profile_of(database):
    """Return ``profile(table, *statements, texts=...)``: of a table that these statements made."""

    def profile(name, *statements, texts=False, workers=0):
        connection = database(*statements)
        prepare_session(connection, workers)
        return scan_table(connection, read_shapes(connection)[name], texts=texts)

    return profile


def figures(column, *names):
    return tuple(getattr(column, name) for name in names)


def test_every_kind_of_column_has_its_figures(profile_of):
    profile = profile_of("every_kind", EVERY_KIND)
    columns = profile.columns
    assert profile.rows == 3
    assert profile.key == ("id",)
    assert profile.disk >= 8192
    shown = {
        name: figures(column, "kind", "non_null", "text_bytes", "minimum", "maximum", "total")
        for name, column in columns.items()
    }
    assert shown == {
        "id": (NUMBER, 3, None, "1", "3", "6"),
        "name": (TEXT, 3, 4, "B", "Ä", None),
        "code": (TEXT, 2, 3, "x", "yy", None),
        "ok": (TRUTH, 2, None, "false", "true", "1"),
        "depth": (NUMBER, 2, None, "-7", "5", "-2"),
        "ratio": (NUMBER, 2, None, "0.1", "NaN", None),
        "at": (NUMBER, 2, None, "1.50", "2.25", "3.75"),
        "day": (TIME, 2, None, "1999-12-31", "2020-01-02", None),
        "seen": (TIME, 2, None, "2020-01-01 10:00:00+00", "2020-01-01 12:00:00+00", None),
        "lasts": (OTHER, 2, None, "02:00:00", "1 day", None),
        "kind": (OTHER, 2, None, "small", "large", None),
        "raw": (OTHER, 2, 10, None, None, None),
        "note": (OTHER, 2, None, None, None, None),
        "tags": (OTHER, 2, None, None, None, None),
        "known": (OTHER, 2, None, None, None, None),
        "place": (OTHER, 2, None, None, None, None),
        "odd %s name": (TEXT, 1, 4, "100%", "100%", None),
    }
    assert columns["note"].stored_bytes > 0
    assert columns["tags"].stored_bytes > 0
    assert columns["at"].type == "public.degree"


def test_texts_of_every_column_are_measured_for_who_asks_for_them(profile_of):
    columns = profile_of("every_kind", EVERY_KIND, texts=True).columns
    assert figures(columns["note"], "text_bytes", "stored_bytes", "minimum", "maximum") == (
        10,
        None,
        "[]",
        '{"a": 1}',
    )
    assert figures(columns["known"], "text_bytes", "minimum") == (72, "0a000000-0000-4000-8000-000000000000")
    assert columns["day"].text_bytes == len("2020-01-02") * 2
    assert columns["ratio"].text_bytes == len("0.1") + len("NaN")


def test_a_table_without_rows_and_one_without_columns_have_profiles(profile_of):
    empty = profile_of("a", "CREATE TABLE a (id int PRIMARY KEY, t text, ok boolean); CREATE TABLE b ()")
    assert (empty.rows, empty.keys) == (0, "0")
    assert figures(empty.columns["t"], "non_null", "text_bytes", "minimum") == (0, 0, None)
    assert figures(empty.columns["ok"], "minimum", "maximum", "total") == (None, None, "0")
    bare = profile_of("b", "CREATE TABLE b (); INSERT INTO b DEFAULT VALUES")
    assert (bare.rows, dict(bare.columns), bare.keys) == (1, {}, None)


def test_a_partitioned_table_is_its_partitions(profile_of):
    profile = profile_of(
        "p",
        "CREATE TABLE p (id int PRIMARY KEY, t text) PARTITION BY LIST (id);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p DEFAULT;"
        "INSERT INTO p VALUES (1, 'a'), (2, 'bb')",
    )
    assert (profile.rows, profile.columns["t"].text_bytes) == (2, 3)
    assert profile.disk >= 2 * 8192


def test_the_same_keys_sum_up_to_the_same_whatever_their_type_and_order(profile_of):
    made = (
        "CREATE TABLE a (x {type}, y text, PRIMARY KEY (x{more}));"
        "INSERT INTO a SELECT i, 'k' FROM generate_series({rows}) i"
    )

    def keys(type_, rows, more=""):
        return profile_of("a", made.format(type=type_, more=more, rows=rows)).keys

    forwards = keys("int", "1, 50")
    assert keys("bigint", "50, 1, -1") == forwards
    assert keys("int", "2, 51") != forwards
    assert keys("int", "1, 50", ", y") != forwards


def test_long_texts_are_compared_by_their_beginning_and_kept_as_that(profile_of):
    made = (
        "CREATE TABLE a (t text);"
        "INSERT INTO a SELECT chr(96 + i) || repeat('é', 5000) FROM generate_series(1, 9) i"
    )
    narrow, wide = profile_of("a", made), profile_of("a", made, "ANALYZE a")
    assert wide.columns == narrow.columns
    assert wide.columns["t"].minimum == "a" + "é" * (LONGEST - 1)
    assert wide.columns["t"].text_bytes == 9 * 10_001


def test_several_processes_find_what_one_finds(profile_of):
    made = (
        "CREATE TABLE a (id int PRIMARY KEY, t text, f double precision, n numeric, ok boolean)"
        " WITH (parallel_workers = 2);"
        "INSERT INTO a SELECT i, md5(i::text), sqrt(i), i / 7.0, i % 3 = 0 FROM generate_series(1, 60000) i"
    )
    assert profile_of("a", made, workers=2) == profile_of("a", made)


def test_a_table_with_very_many_columns_is_read_at_once(profile_of):
    many = ", ".join(f"c{number} int" for number in range(1600))
    profile = profile_of("a", f"CREATE TABLE a ({many}); INSERT INTO a (c0, c1599) VALUES (1, 2)")
    assert len(profile.columns) == 1600
    assert (profile.columns["c1599"].total, profile.columns["c1"].non_null) == ("2", 0)


def test_a_type_of_the_users_own_is_not_taken_for_one_of_its_name(profile_of):
    columns = profile_of(
        "a", "CREATE TYPE date AS (x int); CREATE TABLE a (d public.date); INSERT INTO a VALUES (ROW(1))"
    ).columns
    assert figures(columns["d"], "kind", "non_null", "minimum") == (OTHER, 1, None)


def test_a_profile_is_read_as_it_was_written(profile_of):
    profile = profile_of("every_kind", EVERY_KIND)
    assert from_plain(profile.plain()) == profile
