"""The content that was sent is the content that is there, by value; and what makes it another is found."""

from __future__ import annotations

import json

import pytest
from clusters import MAJORS
from tiers import sample

SCHEMA = """
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('fine', 'so so');
CREATE TABLE author (id text PRIMARY KEY, name text, born date, favourite text);
CREATE TABLE book (
    id bigint PRIMARY KEY, small smallint, real real, double double precision, exact numeric(12, 2),
    free numeric, flag boolean, letters char(5), short varchar(20), at timestamp(3), atz timestamptz,
    span interval, bytes bytea, uid uuid, ip inet, numbers int[], texts text[], feeling mood, sure positive,
    period int4range, plain json, rest jsonb, title text, twice bigint GENERATED ALWAYS AS (id * 2) STORED
);
CREATE TABLE loan (id bigint PRIMARY KEY);
"""
NUMBERS = ["id", "small", "real", "double", "exact", "free", "flag", "sure", "numbers"]
TIMES = ["at", "atz", "span", "period"]
NAMES = [*NUMBERS, *TIMES, "letters", "short", "bytes", "uid", "ip", "texts", "feeling", "plain", "title"]
ROWS = [
    {
        "id": 1,
        "small": -7,
        "real": 0.1,
        "double": 0.1,
        "exact": 1.005,
        "free": 1.0,
        "flag": True,
        "letters": "ab",
        "short": "x  ",
        "at": "2021-02-01 10:00:00.123456",
        "atz": "2021-02-01T10:00:00Z",
        "span": "36 hours",
        "bytes": "\\xDEADbeef",
        "uid": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "ip": "192.168.0.1/32",
        "numbers": [1, None, 3],
        "texts": ["a", 'q"', "b\\c", None, ""],
        "feeling": "so so",
        "sure": 5,
        "period": "[1,5]",
        "plain": {"b": 1.00, "a": [1e3]},
        "title": "tab\t line\n back\\slash \b\f\v \x01 ünï \U0001f600",
        "more": {"z": 1.50, "a": -0.0, "big": 1e22, "t": "\u0001\b"},
    },
    {
        "id": "007",
        "double": "1e400",
        "real": "1.17549435e-38",
        "flag": "yes",
        "exact": "  12.5",
        "free": "1e5",
        "title": "",
    },
    {"id": 8, "double": 5e-324, "at": "infinity", "atz": "1 Jan 1999 EST", "span": "P1Y2M", "title": "\\N"},
    {"id": 9, "double": -0.0, "flag": "off", "period": "empty", "title": "\\."},
]


@pytest.fixture(scope="session", params=sample(MAJORS, MAJORS[-1]))
def staging(server_factory, request):
    return server_factory(request.param)


@pytest.fixture
def types(portal):
    """Write a portal with a column of every kind; returns the function that writes its rows."""
    portal.schema(SCHEMA)
    columns = ", ".join(f"{name}: {{path: {name}, optional: true}}" for name in NAMES)
    old = '{id: id, author_id: author.id, title: title, pages: pages, tags: tags, rest: "*"}'
    portal.change(old, f'{{{columns}, rest: "*"}}')
    return portal.books


def test_every_type_is_proven_however_its_text_changes_on_the_way(types, load, staging):
    types([{**row, "double": 1.5} if row.get("double") == "1e400" else row for row in ROWS])
    result = load()
    assert result.get("changed"), result.get("msg")
    assert staging.rows("SELECT id, title FROM book WHERE id IN (1, 9) ORDER BY 1", "library") == [
        (1, ROWS[0]["title"]),
        (9, "\\."),
    ]


def test_numbers_beyond_their_column_are_refused_as_they_are(types, refusal):
    types(ROWS)
    assert "column double: '1e400': \"1e400\" is out of range for type double precision" in refusal()


@pytest.mark.parametrize(
    "body",
    [
        "NEW.title := lower(NEW.title); RETURN NEW;",
        "NEW.double := NEW.double + 1e-16; RETURN NEW;",
        "NEW.rest := NEW.rest - 'more'; RETURN NEW;",
        "IF NEW.id = 8 THEN RETURN NULL; END IF; RETURN NEW;",
    ],
)
def test_a_trigger_that_changes_rows_is_found_unless_only_counts_are_asked(types, portal, load, body):
    trigger = (
        f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;"
        "CREATE TRIGGER meddle BEFORE INSERT ON book FOR EACH ROW EXECUTE FUNCTION meddle();"
    )
    portal.schema(SCHEMA + trigger)
    types([{**ROWS[0], "title": "Big", "double": 0.25e-15}, {**ROWS[2], "title": "X"}])
    assert "table book: its content is not what was sent" in load()["msg"]
    counted = load(prove="counts")
    if "NULL" in body:
        assert "table book: 2 rows were read, and 1 are loaded" in counted["msg"]
    else:
        assert counted.get("changed"), counted.get("msg")


def test_the_tables_of_partitions_and_of_heirs_are_proven(portal, load, staging):
    portal.schema(
        "CREATE TABLE author (id text, name text, born date, favourite text) PARTITION BY LIST (id);"
        "CREATE TABLE author_1 PARTITION OF author FOR VALUES IN ('a1');"
        "CREATE TABLE author_rest PARTITION OF author DEFAULT;"
        "CREATE TABLE book (id bigint, author_id text, title text, pages integer, tags text[], rest jsonb);"
        "CREATE TABLE heir (note text) INHERITS (book); CREATE TABLE loan (n integer);"
    )
    assert load().get("changed")
    assert staging.rows("SELECT count(*) FROM author_1", "library") == [(1,)]


def test_values_that_look_the_same_in_json_are_told_apart(types, load, staging):
    types([{"id": 1, "plain": {"a": 1.0}, "title": json.dumps({"a": 1.0})}])
    assert load().get("changed")
    assert staging.rows("SELECT plain::text, title FROM book", "library") == [('{"a":1.0}', '{"a": 1.0}')]
