"""Rows that are set aside, dropped or written elsewhere, over a load that ends early and is gone on with."""

from __future__ import annotations

import shutil

import pytest
from integration.ingest.killed import GATED, content, files, filled, gated, kill_when_held, shut
from integration.ingest.portal_dataset import AUTHORS, BOOKS
from tiers import full, sample

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load import apply, plan
from plugins.module_utils.reingest.load.request import LoadRequest, Servers

FIRST = {"author", "book"}
EDITIONS = [(7, "first"), (9, "second"), (7, "copy")]


@pytest.fixture
def rejects(portal):
    """Return the lines that a run set aside of a table; None where there is no file."""

    def read(run, table="author"):
        path = portal.folder / "work" / run / "rejects" / f"{table}.jsonl"
        return path.read_text().splitlines() if path.exists() else None

    return read


@pytest.fixture
def killed_with_rejects(portal, staging):
    """Kill a load while editions are copied; two authors were bad."""
    portal.change("tables:\n", "on_reject: quarantine\nmax_rejects: 50%\ntables:\n")
    portal.authors(AUTHORS + "a3,Mary\na4,Emily,someday,\n")
    gated(portal, EDITIONS)
    with shut(staging):
        kill_when_held(portal, staging, "COPY%edition%", done=FIRST)


def dangling(portal, orphans):
    """Have editions name a book that does not exist."""
    gated(portal, [*EDITIONS[:2], (7, ""), (8, "nowhere")])
    portal.change("    from: edition.csv", f"    from: edition.csv\n    orphans: {orphans}")


def killed_in_transform(portal, staging):
    """Kill a load in its transform, behind everything else."""
    portal.change("checks:", "transform: [one.sql]\nchecks:")
    (portal.folder / "one.sql").write_text("SELECT gate('a', 'a');")
    with shut(staging):
        kill_when_held(portal, staging, "SELECT gate%")


@pytest.mark.parametrize("run", sample(["run-1", "run-2"], "run-2"))
def test_the_rejects_of_a_table_that_stays_are_the_next_runs(
    killed_with_rejects, resume, as_fresh, rejects, run
):
    before = rejects("run-1")
    assert len(before) == 2
    result = resume(run=run)
    assert result["kept"].keys() == FIRST
    assert rejects(run) == before
    assert result["tables"]["author"]["rejected"] == 2
    as_fresh()


def test_a_table_whose_rejects_are_gone_is_loaded_again(killed_with_rejects, portal, resume, rejects):
    shutil.rmtree(portal.folder / "work" / "run-1")
    assert resume()["kept"].keys() == {"book"}
    assert len(rejects("run-2")) == 2


@full
def test_a_table_whose_rejects_are_cut_short_is_loaded_again(killed_with_rejects, portal, resume, rejects):
    path = portal.folder / "work" / "run-1" / "rejects" / "author.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert resume()["kept"].keys() == {"book"}
    assert len(rejects("run-2")) == 2


@full
def test_rejects_of_a_table_that_is_loaded_again_do_not_stay(killed_with_rejects, portal, resume, rejects):
    portal.authors(AUTHORS)
    result = resume(run="run-1")
    assert result["kept"].keys() == {"book"}
    assert rejects("run-1") is None
    assert result["rejects"] == ""


def test_a_kept_table_counts_in_the_budget_of_all(killed_with_rejects, portal, load):
    portal.change("max_rejects: 50%", "max_rejects: 1")
    message = load(run="run-2", work=str(portal.folder / "work"))["msg"]
    assert "max_rejects is 1" in message


@full
def test_dropped_orphans_are_counted_once(portal, staging, resume, as_fresh):
    dangling(portal, "drop")
    killed_in_transform(portal, staging)
    before = files(staging, "edition")
    result = resume()
    assert result["kept"].keys() == {"author", "book", "edition"}
    assert files(staging, "edition") == before
    assert (result["tables"]["edition"]["orphans"], result["tables"]["edition"]["loaded"]) == (1, 3)
    as_fresh()


@full
def test_orphans_that_have_a_parent_now_are_loaded(portal, staging, resume, as_fresh):
    dangling(portal, "drop")
    killed_in_transform(portal, staging)
    portal.books([*BOOKS, {**BOOKS[0], "id": 8, "title": "Sense"}])
    result = resume()
    assert result["kept"].keys() == {"author"}
    assert (result["tables"]["edition"]["orphans"], result["tables"]["edition"]["loaded"]) == (0, 4)
    as_fresh()


@full
def test_dropped_orphans_that_are_to_be_set_aside_now_are_loaded_again(portal, staging, resume, rejects):
    portal.change("tables:\n", "max_rejects: 9\ntables:\n")
    dangling(portal, "drop")
    killed_in_transform(portal, staging)
    portal.change("orphans: drop", "orphans: quarantine")
    result = resume()
    assert result["kept"].keys() == FIRST
    assert result["tables"]["edition"]["rejected"] == len(rejects("run-2", "edition")) == 1


def test_orphans_that_are_set_aside_are_traced_again(portal, staging, resume, as_fresh, rejects):
    dangling(portal, "quarantine\n    max_rejects: 9")
    killed_in_transform(portal, staging)
    assert filled(staging) == FIRST
    result = resume(run="run-1")
    assert result["kept"].keys() == FIRST
    assert len(rejects("run-1", "edition")) == 1
    assert (result["tables"]["edition"]["rejected"], result["tables"]["edition"]["loaded"]) == (1, 3)
    as_fresh()


@full
def test_orphans_that_were_refused_are_declared_and_no_table_loaded_again(
    portal, staging, load, resume, as_fresh
):
    gated(portal, [*EDITIONS[:2], (7, ""), (8, "nowhere")])
    assert "declare `orphans: drop`" in load(work=str(portal.folder / "work"))["msg"]
    before = files(staging, "author", "book", "edition")
    portal.change("    from: edition.csv", "    from: edition.csv\n    orphans: drop")
    result = resume()
    assert result["kept"].keys() == {"author", "book", "edition"}
    assert files(staging, "author", "book", "edition") == before
    assert result["tables"]["edition"]["orphans"] == 1
    as_fresh()


def test_what_a_trigger_wrote_elsewhere_has_the_load_start_over(portal, staging, resume, as_fresh):
    gated(portal, EDITIONS)
    log = """
    CREATE FUNCTION lend() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO loan (book_id) VALUES (NEW.book_id); RETURN NULL; END $$;
    CREATE TRIGGER lend AFTER INSERT ON edition FOR EACH ROW EXECUTE FUNCTION lend();
    """
    portal.schema(GATED + log)
    with shut(staging):
        kill_when_held(portal, staging, "COPY%edition%", done=FIRST)
    result = resume()
    assert "what triggers or rules of edition wrote elsewhere" in result["step"]["did"][0]
    assert staging.rows("SELECT count(*) FROM loan", "library") == [(3,)]
    as_fresh()


def test_an_unfinished_load_that_became_another_one_after_the_plan_is_refused(portal, staging, load):
    gated(portal, EDITIONS)
    with shut(staging):
        kill_when_held(portal, staging, "COPY%edition%", done=FIRST)
    planned = plan.plan_load(LoadRequest(portal.dataset, Servers(staging.dsn(), production_required=False)))
    assert planned.resumed.tables.keys() == FIRST
    finished = load(run="run-2", work=str(portal.folder / "work"))
    before = content(staging)
    with pytest.raises(Refusal, match="not what it was when this load was planned: run again"):
        apply.apply_load(
            planned, staging_dsn=staging.dsn(), run="run-3", operator="0000-0002-1825-0097", processes=2
        )
    assert content(staging) == before
    assert load(run="run-4")["snapshot"] == finished["snapshot"]
