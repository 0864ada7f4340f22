"""The staging server that stops in the middle of a load, and loads that are killed at any moment."""

from __future__ import annotations

import time

import pytest
from integration.ingest.killed import (
    GATED,
    content,
    files,
    filled,
    gated,
    held,
    kill_when_held,
    loading,
    shut,
)
from integration.ingest.portal_dataset import AUTHORS, BOOKS, Portal
from tiers import full, sample
from waiting import wait_for

FIRST = {"author", "book"}
EDITIONS = [(7, "first"), (9, "second"), (9, "copy")]


@pytest.fixture(scope="module", params=sample([16, 18], 18))
def major(request):
    return request.param


@pytest.fixture(scope="module")
def swift(server_factory, major):
    return server_factory(major)


@pytest.fixture(scope="module")
def durable(server_factory, major):
    return server_factory(major, fsync="on")


@pytest.fixture
def portal(tmp_path):
    return Portal(tmp_path)


@pytest.fixture
def next_run(run_module, portal):
    """Load into a server as another run; returns the result."""

    def run(server, **params):
        given = {"dataset": str(portal.dataset), "staging_dsn": server.dsn(), "first": True}
        given.update({"run": "run-2", "operator": "0000-0002-1825-0097", "work": str(portal.folder / "work")})
        result = run_module("ingest_load", **{**given, **params})
        assert not result.get("failed"), result["msg"]
        return result

    return run


@pytest.fixture
def as_fresh(next_run):
    """Assert that a server's database is what a load of the same from the beginning makes."""

    def check(server):
        found = content(server)
        next_run(server, run="run-3", force=True)
        assert found == content(server)

    return check


def stopped_in_copy(portal, server, mode):
    """Stop the server while editions are copied, the two other tables being complete, and start it again."""
    server.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
    with shut(server), loading(portal, server) as process:
        wait_for(lambda: held(server, "COPY%") and filled(server) == FIRST, "the copy is held")
        server.stop(mode)
        process.wait()
    server.start()


def test_a_crash_without_fsync_starts_over(portal, swift, next_run, as_fresh):
    gated(portal, EDITIONS)
    stopped_in_copy(portal, swift, "immediate")
    result = next_run(swift)
    assert result["kept"] == {}
    assert "the server was not stopped cleanly" in result["step"]["did"][0]
    as_fresh(swift)


@full
def test_a_clean_stop_without_fsync_keeps_what_was_complete(portal, swift, next_run, as_fresh):
    gated(portal, EDITIONS)
    stopped_in_copy(portal, swift, "fast")
    assert next_run(swift)["kept"].keys() == FIRST
    as_fresh(swift)


def test_a_crash_with_fsync_keeps_what_was_complete(portal, durable, next_run, as_fresh):
    gated(portal, EDITIONS)
    stopped_in_copy(portal, durable, "immediate")
    before = files(durable, *FIRST)
    assert next_run(durable)["kept"].keys() == FIRST
    assert files(durable, *FIRST) == before
    as_fresh(durable)


@full
def test_a_crash_while_fsync_was_off_for_a_time_starts_over(portal, durable, next_run):
    gated(portal, EDITIONS)
    durable.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
    with shut(durable):
        kill_when_held(portal, durable, "COPY%", done=FIRST)
    durable.rows("UPDATE reingest.resume SET durable = false", "library")  # as a run without fsync leaves it
    durable.stop("immediate")
    durable.start()
    assert next_run(durable)["kept"] == {}


@full
def test_a_crash_that_emptied_an_unlogged_table_starts_over(portal, durable, next_run, as_fresh):
    gated(portal, EDITIONS)
    portal.schema(GATED.replace("CREATE TABLE version", "CREATE UNLOGGED TABLE version"))
    stopped_in_copy(portal, durable, "immediate")
    assert next_run(durable)["kept"] == {}
    assert durable.rows("SELECT v FROM version", "library") == [("42",)]
    as_fresh(durable)


@full
def test_a_second_crash_is_noticed_like_the_first(portal, durable, next_run):
    gated(portal, EDITIONS)
    stopped_in_copy(portal, durable, "immediate")
    with shut(durable):
        kill_when_held(portal, durable, "COPY%", run="run-2", done=FIRST)
    durable.rows("UPDATE reingest.resume SET durable = false", "library")
    assert durable.rows("SELECT count(*) FROM reingest.alive", "library") == [(1,)]
    durable.stop("immediate")
    durable.start()
    assert next_run(durable, run="run-3")["kept"] == {}


@full
def test_killed_at_any_moment_the_next_run_makes_what_one_load_makes(portal, swift, next_run):
    """Killed twice, early and late, at eight moments over the time of a whole load."""
    gated(portal, [*EDITIONS[:2], (8, "orphan")] + [(7, f"note {number}") for number in range(3000)])
    portal.change("    from: edition.csv", "    from: edition.csv\n    orphans: drop")
    portal.change("checks:", "transform: [one.sql, two.sql]\nchecks:")
    (portal.folder / "one.sql").write_text("INSERT INTO loan (book_id, reader) SELECT id, title FROM book;")
    (portal.folder / "two.sql").write_text("UPDATE loan SET reader = upper(reader);")
    portal.authors(AUTHORS + "".join(f"b{number},Name {number},,\n" for number in range(3000)))
    portal.books(BOOKS + [{**BOOKS[0], "id": number, "title": f"T {number}"} for number in range(10, 2000)])
    swift.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
    with loading(portal, swift) as process:
        began = time.monotonic()
        assert process.wait() == 0
    whole = time.monotonic() - began
    undisturbed = content(swift)
    kept = set()
    for number in range(8):
        swift.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
        with loading(portal, swift):
            time.sleep(whole * (number + 1) / 9)
        with loading(portal, swift, run="run-2"):
            time.sleep(whole * (8 - number) / 9)
        kept.update(next_run(swift, run="run-3")["kept"])
        assert content(swift) == undisturbed, f"killed at moment {number} of 8"
    assert kept
