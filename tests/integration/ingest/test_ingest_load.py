"""The module against real servers: what it loads, what it keeps, and what its check mode says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from integration.ingest.portal_dataset import AUTHORS, BOOKS, SCHEMA
from tiers import full, sample

ROOT = Path(__file__).parents[3]
DEMO = {"dataset": str(ROOT / "demo" / "dataset.yml"), "run": "run-1", "operator": "0000-0002-1825-0097"}
R1, R2 = "data/r1_2020-07-28", "data/r2_2021-02-01"
CATALOG = """
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) || convalidated,
       obj_description(oid, 'pg_constraint')
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), NULL
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


def databases(server):
    return {name for (name,) in server.rows("SELECT datname FROM pg_database")}


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        pytest.param(
            R1,
            {"study": 13, "biosample": 964, "omics_processing": 7454, "data_object": 10870, "activity": 1033},
            marks=full,  # the majors of PostgreSQL load it
        ),
        (
            R2,
            {
                "study": 12,
                "biosample": 32230,
                "omics_processing": 7184,
                "data_object": 10376,
                "activity": 1033,
            },
        ),
    ],
)
def test_a_real_release_is_loaded_and_its_dirt_is_counted(run_module, staging, release, expected):
    result = run_module("ingest_load", **DEMO, sources=release, staging_dsn=staging.dsn(), first=True)
    assert result["changed"], result.get("msg")
    assert result["action"] == "load"
    assert result["release"] == Path(release).name
    for table, count in expected.items():
        assert staging.rows(f"SELECT count(*) FROM {table}", "nmdc") == [(count,)]
        assert result["tables"][table]["loaded"] == count
    assert result["tables"]["omics_input"]["orphans"] == 1
    assert result["tables"]["biosample"]["duplicates"] == (926 if release == R2 else 0)
    assert staging.rows("SELECT count(*) > 0 FROM study WHERE omics_count > 0", "nmdc") == [(True,)]
    assert staging.rows("SELECT snapshot, release, finished IS NOT NULL FROM reingest.load", "nmdc") == [
        (result["snapshot"], result["release"], True)
    ]


def test_values_come_back_as_they_were_written(load, staging):
    assert load()["changed"]
    rows = staging.rows("SELECT id, author_id, title, pages, tags, rest FROM book ORDER BY id", "library")
    assert rows == [
        (7, "a2", "Emma", 474, ["novel", 'a "quote"', None], {"author": BOOKS[0]["author"]}),
        (9, "a1", "Notes\ton\\the\nEngine", 66, [], {"author": {"id": "a1"}, "extra": {"a": [1.5]}}),
    ]
    authors = staging.rows("SELECT id, name, born::text, favourite FROM author ORDER BY id", "library")
    assert authors == [("a1", "Ada", "1815-12-10", "Emma"), ("a2", "Jane", None, None)]


def test_keys_references_and_indexes_are_back_exactly_as_the_schema_has_them(load, staging):
    assert load()["changed"]
    staging.rows("DROP DATABASE IF EXISTS plain")
    staging.rows("CREATE DATABASE plain TEMPLATE template0")
    staging.rows(SCHEMA, "plain")
    assert staging.rows(CATALOG, "library") == staging.rows(CATALOG, "plain")


def test_a_sequence_goes_on_behind_the_loaded_values(load, staging):
    assert load()["changed"]
    assert staging.rows("INSERT INTO book (title) VALUES ('new') RETURNING id", "library") == [(10,)]


def test_everybody_may_read_what_was_loaded(load, staging):
    assert load()["changed"]
    allowed = (
        "SELECT bool_and(has_table_privilege('pg_monitor', oid, 'SELECT')) FROM pg_class WHERE relkind = 'r'"
    )
    assert staging.rows(f"{allowed} AND relnamespace = 'reingest'::regnamespace", "library") == [(True,)]
    assert staging.rows(
        "SELECT path, size > 0, length(sha256) FROM reingest.load_source ORDER BY 1", "library"
    ) == [
        ("author.csv", True, 64),
        ("book.jsonl.gz", True, 64),
    ]


def test_a_dry_run_tries_the_schema_where_a_database_is_empty_and_else_says_that_it_did_not(load, staging):
    databases = staging.rows("SELECT datname FROM pg_database ORDER BY 1")
    assert not any("was not tried" in str(warning) for warning in load(check=True).get("warnings", ()))
    staging.rows("CREATE TABLE somebody_s ()")
    try:
        told = load(check=True)
    finally:
        staging.rows("DROP TABLE somebody_s")
    assert any("schema.sql was not tried: no database of the" in str(warning) for warning in told["warnings"])
    assert staging.rows("SELECT datname FROM pg_database ORDER BY 1") == databases


def test_a_second_run_keeps_the_staged_load_and_force_replaces_it(load, staging):
    first = load(snapshot="20261123T114500Z")
    second = load(snapshot="20261123T114501Z")
    assert (second["changed"], second["action"], second["snapshot"]) == (
        False,
        "keep_staged",
        first["snapshot"],
    )
    assert second["tables"] == first["tables"]
    assert second["step"]["did"] == []
    forced = load(snapshot="20261123T114502Z", force=True)
    assert (forced["changed"], forced["action"], forced["snapshot"]) == (True, "load", "20261123T114502Z")


def test_what_production_has_already_is_not_loaded_again(load, staging, production):
    first = load(staging_dsn=production.dsn())
    second = load(production_dsn=production.dsn(), first=False)
    assert (second["changed"], second["action"], second["snapshot"]) == (
        False,
        "keep_live",
        first["snapshot"],
    )
    assert "library" not in databases(staging)


@pytest.mark.parametrize("part", sample(["sources", "schema", "dataset"], "sources"))
def test_a_change_of_any_part_is_loaded(load, portal, part):
    assert load()["changed"]
    if part == "sources":
        portal.authors(AUTHORS + "a3,Mary,,\n")
    elif part == "schema":
        portal.schema(SCHEMA + "CREATE INDEX author_name ON author (name);")
    else:
        portal.change("shrink: 10%", "shrink: 11%")
    assert load()["changed"]


def test_check_mode_tells_the_same_and_changes_nothing(load, staging):
    planned = load(check=True, snapshot="20261123T114500Z")
    assert planned["changed"]
    assert planned["action"] == "load"
    assert "library" not in databases(staging)
    done = load(snapshot="20261123T114500Z")
    for key in ("changed", "action", "snapshot", "release", "digest", "sources", "diff"):
        assert planned[key] == done[key]
    assert planned["step"]["did"] == done["step"]["did"]
    assert done["step"]["did"] == ["load author from author.csv", "load book from book.jsonl.gz"]
    read = {name: table["read"] for name, table in planned["tables"].items()}
    assert read == {name: table["read"] for name, table in done["tables"].items()}
    kept = load(check=True)
    assert (kept["changed"], kept["action"]) == (False, "keep_staged")


def test_schema_rows_and_transforms_are_part_of_the_load(load, portal, staging):
    version = "CREATE TABLE version (v text); INSERT INTO version VALUES ('42');"
    portal.schema(f"{SCHEMA} {version} CREATE TABLE total (n bigint);")
    owners = "  version: {owner: schema}\n  total: {owner: source}\n"
    portal.change("checks:", f"{owners}transform: [total.sql]\nchecks:")
    (portal.folder / "total.sql").write_text("INSERT INTO total SELECT count(*) FROM book; -- one row\n")
    result = load()
    assert result["tables"]["version"]["loaded"] == result["tables"]["total"]["loaded"] == 1
    assert result["step"]["did"][-1] == "run transform total.sql"
    assert staging.rows("SELECT n FROM total", "library") == [(2,)]


def test_a_database_that_others_are_connected_to_is_replaced(load, staging):
    assert load()["changed"]
    other = staging.connect("library")
    try:
        assert load(force=True)["changed"]
    finally:
        other.close()


def test_staging_and_production_must_be_two_servers(refusal, staging):
    assert "are the same server, system identifier" in refusal(production_dsn=staging.dsn())


def test_a_silent_production_stops_all_but_the_first_ingest(load, refusal):
    nowhere = "postgresql://postgres:x@127.0.0.1:1/postgres"
    assert "no PostgreSQL answers at 127.0.0.1:1" in refusal(production_dsn=nowhere, first=False)
    assert load(production_dsn=nowhere)["changed"]


def test_a_wrong_password_is_refused_and_never_printed(refusal, staging):
    message = refusal(staging_dsn=staging.dsn().replace("only-for-tests", "pa55-w0rd"))
    assert f"the login as user postgres at 127.0.0.1:{staging.port} is refused" in message
    assert "check the password" in message
    assert "pa55-w0rd" not in message


def test_declared_duplicates_and_orphans_are_counted_and_left_out(load, portal, staging):
    portal.change(
        "    from: book.jsonl.gz", "    from: book.jsonl.gz\n    duplicates: drop\n    orphans: drop"
    )
    portal.books([*BOOKS, BOOKS[0], BOOKS[0], {**BOOKS[0], "id": 8, "title": "X", "author": {"id": "a9"}}])
    assert load()["tables"]["book"] == {
        "owner": "source",
        "read": 5,
        "loaded": 2,
        "duplicates": 2,
        "orphans": 1,
        "rejected": 0,
        "filtered": 0,
    }
    assert staging.rows("SELECT id FROM book ORDER BY 1", "library") == [(7,), (9,)]


def test_dropping_an_orphan_makes_orphans_of_what_names_it(load, portal):
    portal.change("    from: book.jsonl.gz", "    from: book.jsonl.gz\n    orphans: drop")
    portal.change("    from: author.csv", "    from: author.csv\n    orphans: drop")
    portal.authors(AUTHORS + "a3,Mary,,Gone\na4,Emily,,Never\n")
    portal.books([*BOOKS, {**BOOKS[0], "id": 8, "title": "Gone", "author": {"id": "a4"}}])
    tables = load()["tables"]
    assert tables["author"]["orphans"] == 2
    assert tables["book"]["orphans"] == 1


def test_a_second_load_is_refused_by_who_has_the_server(refusal, staging):
    holder = staging.connect()
    try:
        with holder.cursor() as cursor:
            cursor.execute("SET application_name = 'reingest load run-0 of ada'")
            cursor.execute("SELECT pg_advisory_lock(7235419186024011361)")
        message = refusal()
        assert re.search(
            r"is under way: reingest load run-0 of ada \(server process \d+\) since \d{4}-", message
        )
        assert "library" not in databases(staging)
    finally:
        holder.close()


def test_a_login_that_may_create_databases_and_try_the_schema_out_is_enough(load, staging):
    staging.rows("CREATE ROLE loader LOGIN CREATEDB PASSWORD 'only-for-tests'")
    staging.rows("GRANT CREATE ON SCHEMA public TO loader")
    try:
        own = staging.dsn().replace("postgres:", "loader:", 1)
        assert load(staging_dsn=own)["changed"]
        assert load(staging_dsn=own, force=True)["changed"]
    finally:
        staging.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
        staging.rows("DROP OWNED BY loader")
        staging.rows("DROP ROLE loader")


def test_each_transform_is_timed(load, portal):
    portal.change("checks:", "transform: [one.sql, two.sql]\nchecks:")
    (portal.folder / "one.sql").write_text("UPDATE book SET pages = pages + 1;")
    (portal.folder / "two.sql").write_text("SELECT pg_sleep(0.1);")
    seconds = load()["step"]["detail"]["transforms"]
    assert list(seconds) == ["one.sql", "two.sql"]
    assert seconds["two.sql"] >= 0.1 > seconds["one.sql"]


@pytest.mark.parametrize(
    "missing",
    sample(
        ["DROP COLUMN orphans_policy", "DROP COLUMN filtered", "DROP COLUMN filtered, DROP COLUMN rejected"],
        "DROP COLUMN filtered, DROP COLUMN rejected",
    ),
)
def test_a_production_that_was_loaded_before_rows_were_counted_so_is_read(load, production, missing):
    first = load(staging_dsn=production.dsn())
    production.rows(f"ALTER TABLE reingest.load_table {missing}", "library")
    second = load(production_dsn=production.dsn(), first=False)
    assert second["action"] == "keep_live"
    assert second["tables"] == first["tables"]


def test_the_contract_of_each_table_is_in_the_database_that_was_loaded(load, portal, staging):
    portal.schema(SCHEMA + "CREATE TABLE login (n int); CREATE TABLE version (v int);")
    portal.change("checks:", "  login: {owner: portal, orphans: drop}\n  version: {owner: schema}\nchecks:")
    portal.change("    from: book.jsonl.gz", "    from: book.jsonl.gz\n    orphans: drop")
    assert load()["changed"]
    contract = "SELECT name, owner, orphans_policy FROM reingest.load_table ORDER BY name"
    assert staging.rows(contract, "library") == [
        ("author", "source", "fail"),
        ("book", "source", "drop"),
        ("loan", "portal", "quarantine"),
        ("login", "portal", "drop"),
        ("version", "schema", "fail"),
    ]
