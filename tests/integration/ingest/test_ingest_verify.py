"""The module against two real servers: every finding by its name, all at once, or accepted."""

from __future__ import annotations

import pytest
from integration.ingest.portal_dataset import AUTHORS, SCHEMA
from tiers import full

MANY = AUTHORS + "".join(f"b{number},Nobody,,\n" for number in range(20))


@pytest.fixture
def load_into(load):
    def run(server):
        result = load(staging_dsn=server.dsn())
        assert "msg" not in result, result["msg"]
        return result["snapshot"]

    return run


@pytest.fixture
def verify(run_module, portal, staging, production):
    def run(**params):
        given = {
            "staging_dsn": staging.dsn(),
            "production_dsn": production.dsn(),
            "dataset": str(portal.dataset),
        }
        return run_module("ingest_verify", **{**given, **params})

    return run


def names_of(result):
    return [finding["name"] for finding in result["findings"]]


def test_a_sound_load_has_no_findings(load_into, verify, staging, production):
    load_into(production)
    load_into(staging)
    result = verify()
    assert not result.get("failed"), result
    assert result["findings"] == []
    assert result["changed"] is False
    assert result["tables"] == {"author": 2, "book": 2, "loan": 0}
    assert "check that books have pages" in result["checks"]
    assert (
        "check that table author has not shrunk by more than 10%, and no column has changed beyond its limits"
        in result["checks"]
    )


def test_a_table_with_inheritance_children_is_counted_by_its_own_rows(
    load_into, verify, portal, staging, production
):
    children = "CREATE TABLE novelist (genre text) INHERITS (author);"
    portal.schema(f"{SCHEMA}\n{children}")
    (portal.sources / "novelist.csv").write_text("id,name,born,favourite,genre\nn1,Mary,,,gothic\n")
    portal.change("  loan: {owner", "  novelist: {owner: source, from: novelist.csv}\n  loan: {owner")
    load_into(production)
    load_into(staging)
    result = verify()
    assert result["findings"] == [], result
    assert result["tables"] == {"author": 2, "book": 2, "loan": 0, "novelist": 1}


def test_a_table_that_the_first_crash_would_empty_is_found(load_into, verify, portal, staging, production):
    load_into(production)
    load_into(staging)
    production.rows("CREATE UNLOGGED TABLE scratch (n int)", "library")
    staging.rows("CREATE UNLOGGED TABLE scratch (n int)", "library")
    staging.rows("ALTER TABLE loan SET UNLOGGED", "library")
    result = verify(accept=["schema:scratch"])
    found = [finding for finding in result["findings"] if finding["name"].startswith("unlogged:")]
    assert [finding["name"] for finding in found] == ["unlogged:loan"]
    assert "ALTER TABLE loan SET LOGGED" in found[0]["remedy"]
    whole = "check that nothing is unpopulated, invalid, disabled, unlogged or of another version's collation"
    assert whole in result["checks"]


def test_all_findings_are_listed_with_their_remedies(load_into, verify, portal, staging, production):
    portal.authors(MANY)
    load_into(production)
    production.rows("CREATE ROLE portal_reader")
    production.rows("INSERT INTO loan (book_id) VALUES (7), (9)", "library")
    production.rows("ALTER TABLE loan ADD COLUMN until date", "library")
    production.rows("CREATE TABLE forgotten (n int)", "library")
    portal.authors(AUTHORS)
    portal.change(
        "expect: 0}", "expect: 0}\n    - {name: nonsense, query: select nothing, expect: 0}\n"
        "    - {name: two books, query: select count(*) > 5 from book, expect: true}"
    )  # fmt: skip
    load_into(staging)
    staging.rows("UPDATE author SET favourite = NULL", "library")
    staging.rows("DELETE FROM book", "library")
    try:
        result = verify()
    finally:
        production.rows("DROP ROLE portal_reader")
    assert result["failed"]
    assert names_of(result) == [
        "shrink:author",
        "count:book",
        "empty:book",
        "shrink:book",
        "schema:loan",
        "schema:forgotten",
        "role:portal_reader",
        "sql:nonsense",
        "sql:two books",
    ]
    assert all(finding["message"] and finding["remedy"] for finding in result["findings"])
    assert all(f"- {name}: " in result["msg"] for name in names_of(result))
    assert (
        "table author has 2 rows where production has 22: 90.9% fewer, and 10% is the limit" in result["msg"]
    )
    assert "table loan, column until: it is in production (date), and not in the schema" in result["msg"]


def test_empty_tables_are_told_in_one_line_unless_production_has_rows_or_they_are_required(
    load_into, verify, portal, staging, production
):
    names = [f"empty{number}" for number in range(9)]
    portal.schema(SCHEMA + "".join(f"CREATE TABLE {name} (n int);" for name in names))
    own = "".join(f"  {name}: {{owner: source}}\n" for name in names)
    portal.change("checks:", f"{own}transform: [nothing.sql]\nchecks:")
    (portal.folder / "nothing.sql").write_text("")
    for server in (staging, production):
        load_into(server)
    told = "of 11 source-owned tables have no rows"
    first = verify(production_dsn="", first=True)
    assert (first["findings"], first.get("failed")) == ([], None)
    assert [did for did in first["step"]["did"] if "no rows" in did] == [
        f"9 {told}; `required: true` declares one that must have some"
    ]
    assert f"9 {told}, as in production; " in str(verify()["step"]["did"])
    portal.change("  empty0: {owner: source}", "  empty0: {owner: source, required: true}")
    production.rows("INSERT INTO empty1 VALUES (1), (2)", "library")
    assert names_of(verify(production_dsn="", first=True)) == ["empty:empty0"]
    result = verify(accept=["shrink:empty1"])
    assert names_of(result) == ["empty:empty0", "empty:empty1", "shrink:empty1"]
    assert "table empty0 is empty, and the dataset says that it must have rows" in result["msg"]
    assert "table empty1 is empty, and production has 2 rows in it" in result["msg"]
    assert f"7 {told}, as in production; " in str(result["step"]["did"])


def test_a_finding_accepted_by_name_is_a_warning(load_into, verify, production, staging):
    load_into(production)
    load_into(staging)
    production.rows("CREATE TABLE forgotten (n int)", "library")
    assert verify()["failed"]
    result = verify(accept=["schema:forgotten", "shrink:nothing"])
    assert not result.get("failed")
    assert names_of(result) == ["schema:forgotten"]
    warnings = str(result["warnings"])
    assert "accepted: schema:forgotten: " in warnings
    assert "shrink:nothing was accepted, but nothing of that name was found" in warnings


def test_a_first_ingest_is_verified_without_production(load_into, verify, staging):
    load_into(staging)
    result = verify(production_dsn="", first=True)
    assert not result.get("failed")
    assert not any("production" in sentence or "shrunk" in sentence for sentence in result["checks"])


def test_a_production_that_must_be_there_and_is_not_is_refused(load_into, verify, staging, production):
    load_into(staging)
    assert "has no database library" in verify()["msg"]
    assert "production_dsn is missing" in verify(production_dsn="")["msg"]


def test_a_staging_server_without_a_finished_load_is_refused(load_into, verify, staging, production):
    load_into(production)
    assert "has no finished load of library" in verify()["msg"]
    load_into(staging)
    staging.rows("UPDATE reingest.load SET finished = NULL", "library")
    assert "did not come to its end" in verify()["msg"]


def test_another_load_than_the_run_made_is_refused(load_into, verify, staging, production):
    load_into(production)
    snapshot = load_into(staging)
    assert f"holds the load {snapshot}, not 20200101T000000Z" in verify(snapshot="20200101T000000Z")["msg"]


def test_check_mode_lists_the_checks_of_a_load_that_is_not_there_yet(load_into, verify, staging, production):
    load_into(production)
    planned = verify(check=True, snapshot="20261123T114500Z")
    assert not planned.get("failed"), planned
    assert planned["tables"] == {}
    load_into(staging)
    done = verify()
    assert planned["step"]["did"] == done["step"]["did"]
    assert all(sentence.startswith("check ") for sentence in done["step"]["did"])


def test_check_mode_verifies_a_load_that_is_kept(load_into, verify, staging, production):
    load_into(production)
    snapshot = load_into(staging)
    staging.rows("UPDATE author SET favourite = NULL", "library")
    staging.rows("DELETE FROM book", "library")
    assert "count:book" in names_of(verify(check=True, snapshot=snapshot))


def test_a_check_cannot_change_anything(load_into, verify, portal, staging, production):
    portal.change("select count(*) from book where pages is null", "delete from loan")
    load_into(production)
    load_into(staging)
    assert names_of(verify()) == ["sql:books have pages"]
    assert "read-only transaction" in verify()["msg"]


@full  # test_verify_profiles.py compares the two
def test_the_demo_release_two_passes_against_release_one(run_module, staging, production):
    for server in (staging, production):
        for name in ("nmdc", "library"):
            server.rows(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    demo = {"dataset": "demo/dataset.yml", "first": True}
    loaded = {**demo, "run": "run-1", "operator": "0000-0002-1825-0097"}
    first = run_module("ingest_load", **loaded, sources="data/r1_2020-07-28", staging_dsn=production.dsn())
    second = run_module("ingest_load", **loaded, staging_dsn=staging.dsn(), production_dsn=production.dsn())
    assert first["changed"]
    assert second["changed"]
    result = run_module("ingest_verify", **demo, staging_dsn=staging.dsn(), production_dsn=production.dsn())
    assert not result.get("failed"), result["msg"]
