"""Patterns in `tables:` of a portal with its own loader, and a table of users that one takes."""

from __future__ import annotations

import pytest

NAMED = "  author: {owner: source}\n  book: {owner: source}\n"
PATTERNS = '  "*": {owner: source}\n  "*_note": {owner: portal}\n'
MORE = "CREATE TABLE favourite (id int); CREATE TABLE my_note (id int);\n"
RECORD = """
CREATE SCHEMA reingest;
CREATE TABLE reingest.load
    (snapshot text, release text, digest text, began timestamptz, finished timestamptz);
CREATE TABLE reingest.load_table
    (name text, owner text, read bigint, loaded bigint, duplicates bigint, orphans bigint);
INSERT INTO reingest.load VALUES ('20260101T000000Z', 'r0', 'x', now(), now());
INSERT INTO reingest.load_table VALUES ('favourite', 'source', 2, 2, 0, 0);
"""


@pytest.fixture
def verify(run_module, place, staging, production):
    def run(**params):
        return run_module(
            "ingest_verify",
            dataset=str(place.dataset),
            staging_dsn=staging.dsn(),
            production_dsn=production.dsn(),
            **params,
        )

    return run


def test_a_pattern_takes_tables_and_one_that_the_live_release_did_not_load_is_a_finding(
    load, verify, place, staging, production
):
    place.dataset.write_text(place.dataset.read_text().replace(NAMED, PATTERNS))
    schema = place.folder / "schema.sql"
    schema.write_text(schema.read_text() + MORE)
    given = {"production_dsn": production.dsn(), "first": True}
    planned = load(check=True, **given)
    assert "pattern * (source) takes author, book, favourite" in planned["step"]["did"]
    assert "pattern *_note (portal) takes my_note" in planned["step"]["did"]
    done = load(**given)
    owners = {name: count["owner"] for name, count in done["tables"].items()}
    assert owners == {
        "loan": "portal", "author": "source", "book": "source", "favourite": "source", "my_note": "portal",
    }  # fmt: skip
    production.rows("CREATE DATABASE library TEMPLATE template0")
    production.rows(schema.read_text(), "library")
    production.rows("INSERT INTO favourite VALUES (1), (2); INSERT INTO my_note VALUES (1)", "library")
    found = verify()
    [new] = [one for one in found["findings"] if one["name"].startswith("new:")]
    assert new["name"] == "new:favourite"
    assert new["accept"] == "new:favourite@2"
    assert "its 2 rows in production would be replaced" in new["message"]
    assert "new:favourite@2" in found["msg"]
    # What the live release loaded is no news.
    production.rows(RECORD, "library")
    assert not [one for one in verify()["findings"] if one["name"].startswith("new:")]
