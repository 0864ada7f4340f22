"""A load that ended early is gone on with: what was complete stays, and the result is that of one load."""

from __future__ import annotations

import pytest
from integration.ingest.killed import (
    GATED,
    files,
    filled,
    gated,
    held,
    kill_when_held,
    loading,
    shut,
)
from integration.ingest.portal_dataset import AUTHORS, BOOKS
from tiers import full, sample
from waiting import wait_for

FIRST = {"author", "book"}
GOOD = [(7, "first"), (9, "second"), (7, "")]


@pytest.fixture(scope="module", params=sample([16, 18], 18))
def staging(server_factory, request):
    return server_factory(request.param)


def killed_in_copy(portal, staging):
    """Kill a load while editions are copied, after the two other tables; returns the files of those."""
    gated(portal, [*GOOD, (9, "copy")])
    with shut(staging):
        kill_when_held(portal, staging, "COPY%edition%", done=FIRST)
    return files(staging, *FIRST)


def killed_in_transform(portal, staging, editions, *tables):
    """Kill a load in its first transform."""
    gated(portal, editions)
    portal.change("checks:", "transform: [one.sql, two.sql]\nchecks:")
    (portal.folder / "one.sql").write_text(
        "INSERT INTO loan (book_id) SELECT id FROM book WHERE gate('a', 'a');"
    )
    (portal.folder / "two.sql").write_text("UPDATE author SET name = upper(name) WHERE gate('b', 'b');")
    with shut(staging):
        kill_when_held(portal, staging, "INSERT INTO loan%", done=tables)


def test_killed_while_rows_are_copied(portal, staging, resume, as_fresh):
    before = killed_in_copy(portal, staging)
    assert filled(staging) == FIRST
    result = resume()
    assert result["kept"] == {"author": "run-1", "book": "run-1"}
    assert files(staging, *FIRST) == before
    assert result["tables"]["book"] == {
        "owner": "source", "read": 2, "loaded": 2, "filtered": 0, "duplicates": 0, "orphans": 0,
        "rejected": 0,
    }  # fmt: skip
    as_fresh()


def test_killed_while_an_index_is_built(portal, staging, resume, as_fresh):
    gated(portal, [*GOOD, (9, "index")])
    with shut(staging):
        kill_when_held(portal, staging, "CREATE INDEX%", done=FIRST)
    assert filled(staging) == FIRST
    assert resume()["kept"].keys() == FIRST
    as_fresh()


@full
def test_killed_when_only_some_references_are_back(portal, staging, resume, as_fresh):
    gated(portal, [*GOOD, (9, "copy")])
    with shut(staging) as gate, loading(portal, staging):
        wait_for(lambda: held(staging, "COPY%") and filled(staging) == FIRST, "the copy is held")
        other = staging.connect("library")
        with other.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE loan IN SHARE UPDATE EXCLUSIVE MODE")
        gate.close()
        wait_for(lambda: held(staging, "ALTER TABLE public.loan ADD%"), "the last reference is held")
    other.close()
    before = files(staging, "author", "book", "edition")
    assert resume()["kept"].keys() == {"author", "book", "edition"}
    assert files(staging, "author", "book", "edition") == before
    as_fresh()


@full
def test_killed_while_orphans_are_taken_out(portal, staging, resume, as_fresh):
    portal.change("    from: author.csv", "    from: author.csv\n    orphans: drop")
    portal.change("    from: book.jsonl.gz", "    from: book.jsonl.gz\n    orphans: drop")
    portal.authors(AUTHORS + "a3,Mary,,Gone\n")
    portal.books([*BOOKS, {**BOOKS[0], "id": 8, "title": "Gone", "author": {"id": "a9"}}])
    gated(portal, [*GOOD, (9, "copy")])
    with shut(staging) as gate, loading(portal, staging):
        wait_for(lambda: held(staging, "COPY%") and filled(staging) == FIRST, "the copy is held")
        other = staging.connect("library")
        with other.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE book IN SHARE MODE")
        gate.close()
        wait_for(lambda: held(staging, "DELETE FROM %"), "the second table's orphans are held")
    other.close()
    result = resume()
    assert result["kept"].keys() == {"author", "book", "edition"}
    assert [result["tables"][name]["orphans"] for name in ("author", "book")] == [1, 1]
    as_fresh()


def test_killed_in_the_first_transform_goes_on_from_all_tables(portal, staging, resume, as_fresh):
    killed_in_transform(portal, staging, GOOD)
    before = files(staging, "author", "book", "edition")
    assert resume()["kept"].keys() == {"author", "book", "edition"}
    assert files(staging, "author", "book", "edition") == before
    assert staging.rows("SELECT count(*) FROM loan", "library") == [(2,)]
    as_fresh()


@full
def test_killed_after_a_transform_starts_over(portal, staging, resume, as_fresh):
    killed_in_transform(portal, staging, GOOD)
    (portal.folder / "one.sql").write_text("UPDATE author SET name = name || '!';")
    with shut(staging):
        kill_when_held(portal, staging, "UPDATE author SET name = upper%")
    result = resume()
    assert result["kept"] == {}
    assert "a transform has changed its tables" in result["step"]["did"][0]
    as_fresh()


def test_a_transform_that_is_refused_is_corrected_and_no_table_loaded_again(portal, staging, load, resume):
    portal.change("checks:", "transform: [one.sql]\nchecks:")
    (portal.folder / "one.sql").write_text("UPDATE author SET nmae = name;")
    assert "one.sql" in load()["msg"]
    (portal.folder / "one.sql").write_text("UPDATE author SET name = upper(name);")
    assert resume()["kept"].keys() == FIRST
    assert staging.rows("SELECT name FROM author ORDER BY 1", "library") == [("ADA",), ("JANE",)]


def test_a_login_that_may_create_databases_is_enough_to_go_on(portal, staging, load, resume):
    staging.rows("CREATE ROLE loader LOGIN CREATEDB PASSWORD 'only-for-tests'")
    staging.rows("GRANT CREATE ON SCHEMA public TO loader")
    try:
        own = staging.dsn().replace("postgres:", "loader:", 1)
        portal.change("id: id, name: name", "id: id, name: born")
        assert "null value in column" in load(staging_dsn=own, jobs=1)["msg"]
        portal.change("id: id, name: born", "id: id, name: name")
        assert resume(staging_dsn=own)["kept"].keys() == {"book"}
    finally:
        staging.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
        staging.rows("DROP OWNED BY loader")
        staging.rows("DROP ROLE loader")


@pytest.mark.parametrize("sources", sample(["author", "book"], "book"))
def test_a_source_that_is_another_one_is_loaded_again_and_no_other(
    portal, staging, resume, as_fresh, sources
):
    before = killed_in_copy(portal, staging)
    if sources == "author":
        portal.authors(AUTHORS.replace("Ada", "Augusta"))
    else:
        portal.books([BOOKS[0], {**BOOKS[1], "pages": 67}])
    kept = (FIRST - {sources}).pop()
    assert resume()["kept"] == {kept: "run-1"}
    assert files(staging, kept)[kept] == before[kept]
    as_fresh()


@full
def test_a_copy_of_a_source_is_the_same_source(portal, staging, resume):
    killed_in_copy(portal, staging)
    portal.authors(AUTHORS)
    assert resume()["kept"].keys() == FIRST


@full
def test_a_table_whose_section_is_another_one_is_loaded_again_and_no_other(portal, staging, resume, as_fresh):
    killed_in_copy(portal, staging)
    portal.change("name: name, born: born", "name: name")
    portal.change("shrink: 10%", "shrink: 11%")
    assert resume()["kept"].keys() == {"book"}
    assert staging.rows("SELECT count(born) FROM author", "library") == [(0,)]
    as_fresh()


@pytest.mark.parametrize("change", sample(["schema", "owner", "force", "prove"], "schema"))
def test_starts_over_where_nothing_can_stay(portal, staging, resume, as_fresh, change):
    killed_in_copy(portal, staging)
    reasons = {"schema": "the schema, or what owns", "owner": "the schema, or what owns", "force": "forced"}
    if change == "schema":
        portal.schema(f"{GATED}CREATE INDEX author_name ON author (name);")
    elif change == "owner":
        portal.change("loan: {owner: portal}", "loan: {owner: schema}")
    params = {"force": {"force": True}, "prove": {"prove": "counts"}}
    result = resume(**params.get(change, {}))
    assert result["kept"] == {}
    assert reasons.get(change, "no table of it is complete") in result["step"]["did"][0]
    as_fresh()


def test_check_mode_tells_what_stays_and_changes_nothing(portal, staging, load, resume):
    before = killed_in_copy(portal, staging)
    planned = load(check=True, run="run-2", snapshot="20261123T114500Z")
    assert filled(staging) == FIRST
    done = resume(snapshot="20261123T114500Z")
    assert files(staging, *FIRST) == before
    assert planned["step"]["did"] == done["step"]["did"] == [
        "keep author, loaded by run run-1",
        "keep book, loaded by run run-1",
        "load edition from edition.csv",
    ]  # fmt: skip
    assert planned["diff"] == done["diff"]
    assert "table author: source, kept, loaded by run run-1\n" in planned["diff"]["after"]
    assert [planned["tables"][name]["read"] for name in ("author", "book", "edition")] == [2, 2, 4]


@full
def test_the_load_is_the_later_runs_and_who_began_it_stays_on_record(portal, staging, resume):
    killed_in_copy(portal, staging)
    result = resume(operator="0000-0001-5109-3700", snapshot="20261123T114500Z")
    assert result["snapshot"] == "20261123T114500Z"
    assert staging.rows("SELECT snapshot, digest, run, operator FROM reingest.load", "library") == [
        ("20261123T114500Z", result["digest"], "run-2", "0000-0001-5109-3700")
    ]
    assert staging.rows("SELECT run, operator FROM reingest.load_run ORDER BY began", "library") == [
        ("run-1", "0000-0002-1825-0097"),
        ("run-2", "0000-0001-5109-3700"),
    ]


def test_what_the_server_still_does_for_a_killed_load_is_ended(portal, staging):
    gated(portal, [*GOOD, (9, "index")])
    with shut(staging):
        left = kill_when_held(portal, staging, "CREATE INDEX%", done=FIRST)
        there = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (%(left)s)"
        assert staging.rows(there, left=left) == [(1,)]
        with loading(portal, staging, run="run-2") as process:
            wait_for(lambda: staging.rows(there, left=left) == [(0,)], "the index's session is gone")
            wait_for(lambda: held(staging, "CREATE INDEX%"), "the next load builds it")
            assert process.poll() is None
