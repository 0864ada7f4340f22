"""What the catalogue tells, and one number for a table's content, the same on every major of PostgreSQL."""

from __future__ import annotations

from contextlib import closing

import pytest
from clusters import MAJORS
from psycopg2 import sql
from tiers import sample

from plugins.module_utils.reingest.ownership.catalog import Column, Key, Reference, read_catalog
from plugins.module_utils.reingest.ownership.checksum import Content, read_content
from plugins.module_utils.reingest.ownership.types import ENUM, Type
from plugins.module_utils.reingest.postgres.session import pinned_reading

SCHEMA = """
CREATE SCHEMA audit;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN email AS varchar(80) NOT NULL CHECK (VALUE LIKE '%@%');
CREATE TYPE point3 AS (x integer, "the z" numeric(5,2));
CREATE TABLE book (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number serial,
    title text NOT NULL,
    slug text GENERATED ALWAYS AS (lower(title) || title) STORED UNIQUE,
    moods mood[] DEFAULT '{}',
    CHECK (title <> '')
);
ALTER TABLE book ADD CONSTRAINT later CHECK (number > 0) NOT VALID;
CREATE UNIQUE INDEX by_title ON book (lower(title), id) INCLUDE (number) WHERE number > 5;
CREATE TABLE audit."Event %" (at date NOT NULL, book bigint REFERENCES book) PARTITION BY RANGE (at);
CREATE TABLE audit.early PARTITION OF audit."Event %" FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE audit.late PARTITION OF audit."Event %" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
    PARTITION BY LIST (book);
CREATE TABLE audit.late_1 PARTITION OF audit.late FOR VALUES IN (1);
CREATE TABLE heir (more text) INHERITS (book);
CREATE TEMPORARY TABLE passing (n int);
CREATE VIEW seen AS SELECT id FROM book;
"""


@pytest.fixture(scope="module", params=sample(MAJORS, MAJORS[0], MAJORS[-1]))
def server(server_factory, request):
    made = server_factory(request.param)
    made.rows("CREATE DATABASE library")
    made.rows(SCHEMA, "library")
    return made


@pytest.fixture
def catalog(server):
    with pinned_reading(server.dsn(), "library") as connection:
        return read_catalog(connection)


def test_tables_are_all_that_hold_rows_with_the_tables_that_they_are_part_of(catalog):
    assert {name: table.parents for name, table in catalog.tables.items()} == {
        "audit.Event %": (),
        "audit.early": ("audit.Event %",),
        "audit.late": ("audit.Event %",),
        "audit.late_1": ("audit.late",),
        "book": (),
        "heir": ("book",),
    }
    assert [name for name, table in catalog.tables.items() if table.partition] == [
        "audit.early",
        "audit.late",
        "audit.late_1",
    ]


def test_a_column_says_where_its_value_comes_from(catalog):
    book = catalog.tables["book"]
    assert list(book.columns.values()) == [
        Column("id", "bigint", not_null=True, identity=True),
        Column("number", "integer", not_null=True, default="nextval('public.book_number_seq'::regclass)"),
        Column("title", "text", not_null=True),
        Column("slug", "text", generated=True, default="(lower(title) || title)", reads=("title",)),
        Column("moods", "public.mood[]", default="'{}'::public.mood[]"),
    ]
    assert [name for name, column in book.columns.items() if column.numbered] == ["id", "number"]


def test_what_a_table_demands_of_its_rows_is_there(catalog):
    book = catalog.tables["book"]
    assert book.checks == {"book_title_check": "(title <> ''::text)", "later": "(number > 0)"}
    assert book.unproven == ("later",)
    assert book.keys == {
        "book_pkey": Key(True, ("id",)),
        "book_slug_key": Key(False, ("slug",)),
        "by_title": Key(False, ("lower(title)", "id"), "(number > 5)"),
    }
    assert book.primary_key == ("id",)


def test_the_conditions_of_all_leaves_are_those_of_a_partitioned_table(catalog, server):
    event = catalog.tables["audit.Event %"]
    assert (event.partitioned, len(event.partitions)) == (True, 2)
    server.rows("INSERT INTO audit.early VALUES ('2025-05-05', NULL)", "library")
    fits = [server.rows(f"SELECT {one} FROM audit.early", "library") for one in event.partitions]
    assert sorted(fits) == [[(False,)], [(True,)]]
    server.rows("TRUNCATE audit.early", "library")


def test_references_are_those_that_somebody_declared(catalog):
    assert catalog.references == (
        Reference("Event %_book_fkey", "audit.Event %", ("book",), "book", ("id",)),
    )


def test_types_are_those_that_users_made(catalog):
    assert catalog.types["public.mood"] == Type(ENUM, labels=("good", "bad"))
    email = catalog.types["public.email"]
    assert (email.kind, email.base, email.checks[-1]) == ("d", "character varying(80)", "NOT NULL")
    assert len(email.checks) == 2
    point = catalog.types["public.point3"]
    assert point.attributes == (("x", "integer"), ("the z", "numeric(5,2)"))


# Rows that differ from others in nothing but where their values stand.
CHANGED_PLACES = {
    "('a', 'x'), ('b', 'y')": "('a', 'y'), ('b', 'x')",
    "('a', 'b')": "('b', 'a')",
    "(NULL, 'a')": "('', 'a')",
    "('NULL', 'a')": "(NULL, 'a')",
    "('a,b', 'c')": "('a', 'b,c')",
    "('a', 'b'), ('a', 'b')": "('c', 'd'), ('c', 'd')",
}


def test_a_sum_sees_values_that_changed_places_between_rows_or_columns(server):
    with closing(server.connect("library")) as connection, connection.cursor() as cursor:

        def content(values):
            cursor.execute(f"CREATE TEMPORARY TABLE u AS SELECT * FROM (VALUES {values}) AS v (a, b)")
            found = read_content(connection, sql.Identifier("u"), ["a", "b"])
            cursor.execute("DROP TABLE u")
            return found

        for rows, others in CHANGED_PLACES.items():
            assert content(rows).rows == content(others).rows
            assert content(rows) != content(others), (rows, others)


def test_the_content_of_parts_adds_up_to_that_of_the_whole(server):
    server.rows(
        "CREATE TABLE t (a text, b int); INSERT INTO t SELECT n, n FROM generate_series(1, 9) n", "library"
    )
    server.rows(
        "CREATE TABLE u AS SELECT * FROM t WHERE b > 4; CREATE TABLE v AS SELECT * FROM t WHERE b <= 4",
        "library",
    )
    try:
        with closing(server.connect("library")) as connection:
            whole, one, other = (read_content(connection, sql.Identifier(name), ["a", "b"]) for name in "tuv")
            assert read_content(connection, sql.Identifier("t"), ["b", "a"]).rows == 9
        assert whole == Content(one.rows + other.rows, one.checksum + other.checksum)
        assert whole.checksum != 0
    finally:
        server.rows("DROP TABLE t, u, v", "library")
