"""A transform does not read what only the switch brings, unless it runs again when that is there."""

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
