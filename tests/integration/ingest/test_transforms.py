"""A transform does not read what only the switch brings, unless it runs again when that is there.

Nothing but rows passes from one to the next, and what they leave is what the schema allows.
"""

from __future__ import annotations

import pytest
from tiers import sample_of

READS = {
    "subquery": "UPDATE author SET name = name || (SELECT count(*) FROM loan);",
    "join": "UPDATE author a SET name = 'x' FROM book b LEFT JOIN loan ON loan.book_id = b.id"
    " WHERE b.author_id = a.id;",
    "by index": "SET LOCAL enable_seqscan = off; UPDATE author SET name = 'x' WHERE EXISTS"
    " (SELECT FROM loan WHERE id = 5);",
    "view": "CREATE VIEW loans AS SELECT * FROM loan;"
    " UPDATE author SET name = 'x' WHERE (SELECT count(*) FROM loans) = 7;",
    "function": "DO $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM loan; END $$;",
    "child": "CREATE TABLE old_loan () INHERITS (loan);"
    " UPDATE author SET name = 'x' WHERE EXISTS (SELECT FROM old_loan);",
}
DOES_NOT = {
    "view": "CREATE VIEW loans AS SELECT * FROM loan; UPDATE author SET name = upper(name);",
    "reference": "UPDATE author SET favourite = NULL; DELETE FROM book WHERE id = 7;",
    "index": "CREATE INDEX ON loan (reader); COMMENT ON TABLE loan IS 'of readers';",
    "rows": "INSERT INTO loan (book_id, reader) VALUES (7, 'first');",
    "another": "UPDATE author SET name = (SELECT max(title) FROM book);",
}


@pytest.fixture
def transform(portal):
    """Return ``write(text, *more)``, which gives the dataset a transform, and more lines."""

    def write(text, *more):
        lines = "".join(f"{line}\n" for line in ("transform: [one.sql]", *more))
        portal.change("checks:", f"{lines}checks:")
        (portal.folder / "one.sql").write_text(text)

    return write


@pytest.mark.parametrize("text", sample_of(READS, "subquery", "view", "function"))
def test_one_that_reads_a_portal_owned_table_is_refused(load, transform, text):
    transform(text)
    message = load()["msg"]
    assert "one.sql reads " in message
    assert "loan, which the portal's users write" in message
    assert "name it under transform_again, too" in message


@pytest.mark.parametrize("text", sample_of(DOES_NOT, "view", "reference"))
def test_one_that_only_names_it_or_has_references_proven_is_not(load, transform, staging, text):
    transform(text)
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    assert staging.rows("SELECT script FROM reingest.load_transform", "library") == []


def test_one_that_runs_again_after_the_put_may_and_its_text_is_in_the_load(load, transform, staging):
    transform(READS["subquery"], "transform_again: [one.sql]")
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    found = staging.rows("SELECT position, name, script FROM reingest.load_transform", "library")
    assert found == [(0, "one.sql", READS["subquery"])]


def test_one_that_runs_again_is_one_of_the_transforms(load, transform):
    transform("SELECT 1;", "transform_again: [two.sql]")
    assert "two.sql is none of `transform:`" in load()["msg"]


LEAVES = {
    "a role that skips triggers": "SET session_replication_role = replica;",
    "a path": "SELECT pg_catalog.set_config('search_path', '', false);",
    "a role": "CREATE ROLE transform_leaves; SET ROLE transform_leaves;",
    "a temporary table": "CREATE TEMPORARY TABLE author (id text);",
    "a lock": "SELECT pg_advisory_lock(7);",
    "a zone": "SET TimeZone = 'Asia/Tokyo';",
    "a prepared statement": "PREPARE leaves AS SELECT 1;",
}
ASKS = """
CREATE TABLE public.asked AS SELECT current_user::text AS who, current_setting('search_path') AS path,
    current_setting('session_replication_role') AS triggers, current_setting('TimeZone') AS zone,
    to_regclass('author')::oid = 'public.author'::regclass::oid AS author,
    (SELECT count(*)::integer FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
    (SELECT count(*)::integer FROM pg_prepared_statements) AS statements;
"""


@pytest.mark.parametrize("text", sample_of(LEAVES, "a role", "a temporary table"))
def test_the_next_file_and_the_loader_have_a_session_of_their_own(load, portal, staging, text):
    portal.change("checks:", "transform: [one.sql, two.sql]\nchecks:")
    (portal.folder / "one.sql").write_text(text)
    (portal.folder / "two.sql").write_text(ASKS)
    try:
        loaded = load()
        assert loaded.get("changed"), loaded.get("msg")
        found = staging.rows("SELECT * FROM asked", "library")
        assert found == [("postgres", '"$user", public', "origin", "UTC", True, 0, 0)]
    finally:
        staging.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
        staging.rows("DROP ROLE IF EXISTS transform_leaves")


UNCHECKED = "SET session_replication_role = replica;\n"
BREAKS = {
    "a reference of the table": (
        UNCHECKED + "UPDATE book SET author_id = 'a9' WHERE id = 7;",
        "table book: 1 rows name by author_id a row of author that is gone "
        "(a9; reference book_author_id_fkey, after one.sql)",
    ),
    "a reference that names the table": (
        UNCHECKED + "DELETE FROM author WHERE id = 'a1';",
        "table book: 1 rows name by author_id a row of author that is gone "
        "(a1; reference book_author_id_fkey, after one.sql)",
    ),
    "triggers off and on again": (
        "ALTER TABLE book DISABLE TRIGGER ALL; UPDATE book SET author_id = 'a8'; "
        "ALTER TABLE book ENABLE TRIGGER ALL;",
        "table book: 2 rows name by author_id a row of author that is gone (a8;",
    ),
    "a check by a function that is replaced": (
        "CREATE FUNCTION fits(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';"
        "ALTER TABLE author ADD CONSTRAINT fits CHECK (fits(name));"
        "CREATE OR REPLACE FUNCTION fits(text) RETURNS boolean LANGUAGE sql AS $$SELECT $1 <> 'Ada'$$;",
        "table author: 1 rows break it ((a1,Ada,1815-12-10,Emma); check fits, after one.sql)",
    ),
    "a partition of a table with a name of its own": (
        'CREATE TABLE "Bin %s {0}" (id text, kind integer) PARTITION BY LIST (kind);'
        'CREATE TABLE small PARTITION OF "Bin %s {0}" FOR VALUES IN (1);'
        'ALTER TABLE "Bin %s {0}" ADD CONSTRAINT "is % there" FOREIGN KEY (id) REFERENCES author;'
        "SET session_replication_role = replica; INSERT INTO small VALUES ('a9', 1), (NULL, 1), ('a1', 1);",
        "table Bin %s {0}: 1 rows name by id a row of author that is gone "
        "(a9; reference is % there, after one.sql)",
    ),
}


@pytest.mark.parametrize(("text", "message"), sample_of(BREAKS, *list(BREAKS)[::3]))
def test_rows_that_break_what_the_catalog_says_to_hold_are_told(load, transform, text, message):
    transform(text)
    told = load()["msg"]
    assert "the transforms leave rows that the schema forbids: " in told
    assert message in told


def test_all_that_is_broken_is_told_at_once_with_the_files(load, portal):
    portal.change("checks:", "transform: [one.sql, two.sql]\nchecks:")
    (portal.folder / "one.sql").write_text(UNCHECKED + "DELETE FROM author WHERE id = 'a1';")
    (portal.folder / "two.sql").write_text(UNCHECKED + "UPDATE author SET favourite = 'Persuasion';")
    told = load()["msg"]
    assert "reference author_favourite_fkey, after one.sql, two.sql" in told
    assert "reference book_author_id_fkey, after one.sql, two.sql" in told


def test_a_deferred_reference_that_a_transform_breaks_is_told_with_its_file(load, transform):
    transform(
        "ALTER TABLE book ALTER CONSTRAINT book_author_id_fkey DEFERRABLE INITIALLY DEFERRED;"
        "UPDATE book SET author_id = 'a9' WHERE id = 7;"
    )
    told = load()["msg"]
    assert "one.sql: " in told
    assert "book_author_id_fkey" in told
