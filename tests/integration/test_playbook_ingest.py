"""Whole ingests with servers as plain processes: from nothing to two releases, and what operators do then."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import closing

import jsonschema
import psycopg2
import pytest
from controller import other, run_to_task, snapshots, stop
from deployment import RELEASE_1, RELEASE_2, ROOT, broken_portal, ingested_deployment, make_deployment
from tiers import full
from waiting import wait_for

from plugins.module_utils.reingest.postgres.settings import LOAD_CONF

PROMOTE = "playbooks/promote.yml"
CLAIMED = "Reach every host, and try what the run will need there"  # the task after that
DATA = ROOT / "demo/data"
# What an ingest and a run that changes nothing cost, without a clock: raise it only for what a step needs.
MOST_TASKS = {"first": 62, "again": 37}


@pytest.fixture
def empty():
    """Return a deployment that nothing was ingested into."""
    made = make_deployment()
    yield made
    made.clear()


@pytest.fixture
def fresh():
    """Return a deployment with two releases, the second one live, for one test alone."""
    made = ingested_deployment()
    yield made
    made.clear()


@pytest.fixture
def stopped():
    """Return a deployment with two releases on its volume, none of whose services runs."""
    made = ingested_deployment(started=False)
    yield made
    made.clear()


@pytest.fixture(scope="module")
def site():
    """Return a deployment with two releases; every test leaves one of them live, and the volume free."""
    made = ingested_deployment()
    yield made
    made.clear()


def test_a_portal_from_nothing_to_a_switch_that_failed(empty):
    from_nothing_to_a_switch_that_failed(empty)


@full
def test_a_portal_from_nothing_to_its_second_release(empty):
    from_nothing_to_a_switch_that_failed(empty)
    the_next_ingest_makes_release_2_live(empty)


def from_nothing_to_a_switch_that_failed(deployment):
    a_dry_run_of_a_first_ingest_plans_all_of_it_and_makes_nothing(deployment)
    a_first_ingest_makes_the_release_live(deployment)
    a_second_run_changes_nothing_and_touches_no_process(deployment)
    rows_of_the_portals_users_are_told_and_stop_no_run(deployment)
    after_a_switch_that_failed_the_old_production_serves_and_the_load_is_kept(deployment)


def a_dry_run_of_a_first_ingest_plans_all_of_it_and_makes_nothing(deployment):
    before = tree(deployment)
    code, output = deployment.ingest(RELEASE_1, "--check", "--diff")
    assert code == 0, output
    assert tree(deployment) == before
    assert deployment.processes() == {}
    sentences = [
        "start db-ingest",
        "load study from",
        "move ingest to staging/",
        "point prod at",
        "start backend",
    ]
    assert [output.index(sentence) for sentence in sentences] == sorted(map(output.index, sentences))


def tree(deployment):
    """Return all that there is; what a run, a dry one, too, writes down of its own steps is left out."""
    paths = [path.relative_to(deployment.home) for path in deployment.home.rglob("*")]
    return sorted(str(path) for path in paths if path.parts[0] != "work")


def a_first_ingest_makes_the_release_live(deployment):
    code, output = deployment.ingest(RELEASE_1)
    assert code == 0, output
    assert output.count("TASK [") <= MOST_TASKS["first"]
    health = deployment.health()
    assert health["release"] == RELEASE_1
    assert health["tables"]["study"] == 13
    assert (deployment.volume / "prod").readlink().parts[0] == "staging"
    assert set(deployment.processes()) == {"db", "db-ingest", "backend"}
    assert (deployment.volume / "ingest").stat().st_uid == (deployment.volume / "prod").stat().st_uid
    (file,) = (deployment.volume / ".reingest/runs").glob("*/profile.json")
    nothing_that_a_run_wrote_down_is_for_others(deployment)
    kept = json.loads(file.read_text())
    assert kept["snapshot"] == (deployment.volume / "prod").readlink().name
    assert kept["tables"]["study"]["profile"]["rows"] == 13
    assert "file_download" not in kept["tables"]
    nothing_of_the_settings_for_the_load_is_left(deployment)


def nothing_that_a_run_wrote_down_is_for_others(deployment):
    records = [*(deployment.volume / ".reingest").rglob("*"), *(deployment.home / "work").rglob("*")]
    by_a_service_s_keeper = (".process", ".code")  # its number, and how it ended
    readable = [
        path
        for path in records
        if path.is_file() and path.stat().st_mode & 0o077 and path.suffix not in by_a_service_s_keeper
    ]
    assert readable == []


def nothing_of_the_settings_for_the_load_is_left(deployment):
    did = next(stage["did"] for stage in deployment.report()["stages"] if stage["name"] == "load")
    given = did.index("give the staging server its settings for the load")
    assert given < did.index("take the staging server's settings for the load away")
    assert not (deployment.volume / "prod" / LOAD_CONF).exists()
    assert not (deployment.volume / ".reingest/unsynced.json").exists()
    (loaded,) = [line for line in deployment.ledger() if line["state"] == "loaded"]
    assert loaded["detail"]["finalise"]["settings"]["fsync"] == "on"
    dsn = deployment.dsn(deployment.environment["DEMO_PRODUCTION_PORT"])
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        for name, value in (("fsync", "on"), ("full_page_writes", "on"), ("wal_level", "replica")):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (value,)


def a_second_run_changes_nothing_and_touches_no_process(deployment):
    before = deployment.processes()
    code, output = deployment.ingest(RELEASE_1)
    assert code == 0, output
    assert "changed=0" in output
    assert "changed=1" not in output
    assert output.count("TASK [") <= MOST_TASKS["again"]
    assert deployment.processes() == before


def rows_of_the_portals_users_are_told_and_stop_no_run(deployment):
    deployment.download()
    assert deployment.health()["tables"]["file_download"] == 1

    code, output = deployment.play("playbooks/load.yml", "-e", f"reingest_sources={DATA}/{RELEASE_2}")
    assert code == 0, output
    assert "file_download: 1 of 1 are missing from the load, the switch carries them" in output
    assert re.search(r"biosample +32,230 +964 +555 +31,821 ", output)
    profiles = last_report(deployment)["profiles"]
    assert all(table["kept"] for table in profiles.values()), "nobody wrote to a table since its load"
    assert deployment.health()["release"] == RELEASE_1
    assert deployment.health()["tables"]["file_download"] == 1
    assert not deployment.locked()


def last_report(deployment):
    """Return the report of the last run."""
    files = sorted(
        (deployment.volume / ".reingest/runs").glob("*/report.json"), key=lambda file: file.stat().st_mtime
    )
    return json.loads(files[-1].read_text())


def after_a_switch_that_failed_the_old_production_serves_and_the_load_is_kept(deployment):
    code, output = deployment.ingest(RELEASE_2, *broken_portal(deployment, RELEASE_2))
    assert code != 0
    assert "the switch failed in Start the writers on demo" in output
    assert "the old production serves again" in output
    report = deployment.report()
    assert report["stages"][1]["did"] == []  # the load: kept as the run before left it
    jsonschema.validate(report, json.loads((ROOT / "docs/report.schema.json").read_text()))
    assert deployment.health()["release"] == RELEASE_1
    assert deployment.health()["tables"]["file_download"] == 1
    assert [line["state"] for line in deployment.ledger()][-3:] == ["live", "bad", "measured"]
    outage = deployment.report()["outage"]
    assert (outage["measured"], outage["failed"] > 0, outage["gaps"][-1]["ended"]) == (True, True, True)
    assert len(deployment.snapshots()) >= 2
    assert set(deployment.processes()) == {"db", "db-ingest", "backend"}


def the_next_ingest_makes_release_2_live(deployment):
    code, output = deployment.ingest(RELEASE_2)
    assert code == 0, output
    health = deployment.health()
    assert health["release"] == RELEASE_2
    tables = {
        name: health["tables"][name]
        for name in ("study", "biosample", "omics_processing", "data_object", "activity")
    }
    assert tables == {
        "study": 12,
        "biosample": 32230,
        "omics_processing": 7184,
        "data_object": 10376,
        "activity": 1033,
    }
    report = deployment.report()
    users_felt_it_for_as_long_as_the_report_says(deployment, report["outage"], output)
    assert report["tables"]["biosample"]["duplicates"] == 926
    assert report["tables"]["omics_input"]["orphans"] == 1
    assert report["operator"] == "0000-0002-1825-0097"
    assert report["window_seconds"] > 0
    jsonschema.validate(report, json.loads((ROOT / "docs/report.schema.json").read_text()))
    assert report["carried"] == {"file_download": 1}
    page = deployment.volume / ".reingest/runs" / report["run"] / "report.html"
    assert page.stat().st_mode & 0o777 == 0o600
    assert f"from {RELEASE_1} (snapshot" in page.read_text()


def users_felt_it_for_as_long_as_the_report_says(deployment, outage, output):
    assert 0.2 < outage["outage_s"] < outage["window_s"] + 1
    assert sum(outage["parts"].values()) == pytest.approx(outage["window_s"], abs=0.01)
    assert (outage["release"], outage["new_release"]) == (RELEASE_1, RELEASE_2)
    assert f"outage {outage['outage_s']:.2f} s without a good answer" in output
    assert "predicted: not known, no earlier switch was measured" in output  # the one before was taken back
    line = deployment.ledger()[-1]
    assert (line["state"], line["snapshot"]) == ("measured", (deployment.volume / "prod").readlink().name)
    assert line["detail"]["outage_s"] == outage["outage_s"]


def ask(deployment, statement, port="DEMO_PRODUCTION_PORT"):
    """Return the rows of a statement, of production or of the load."""
    dsn = f"postgresql://nmdc@127.0.0.1:{deployment.environment[port]}/nmdc"
    with closing(psycopg2.connect(dsn, passfile=f"{deployment.home}/pgpass")) as session:
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@full
def test_a_first_ingest_that_fails_leaves_prod_absent_and_db_stopped(empty):
    code, output = empty.ingest(RELEASE_1, *broken_portal(empty, RELEASE_1))
    assert code != 0
    assert "the switch failed in Start the writers on demo" in output
    assert "it was the first ingest: prod is absent and production stays stopped; the load is kept" in output
    assert not os.path.lexists(empty.volume / "prod")
    assert set(empty.processes()) == {"db-ingest"}
    assert len(empty.snapshots()) == 1
    assert not empty.locked()
    assert empty.report()["outcome"] == "failed"


@full
def test_a_second_run_that_is_refused_leaves_the_one_under_way_alone(site):
    first = site.start(PROMOTE, "-e", f"reingest_snapshot={other(site)}")
    wait_for(site.locked)
    code, output = site.play("playbooks/prune.yml")
    assert code != 0
    assert "the volume is held by run" in output
    log, _ = first.communicate(timeout=300)
    assert first.returncode == 0, log


def test_a_second_run_is_refused_while_one_is_under_way_and_takes_over_what_it_left_when_it_was_killed(site):
    first = run_to_task(site, PROMOTE, CLAIMED, "-e", f"reingest_snapshot={other(site)}")
    stop(first)
    code, output = site.play("playbooks/prune.yml")
    assert code != 0
    assert "the volume is held by run" in output
    assert "0000-0002-1825-0097" in output
    assert site.locked()
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert site.locked()
    code, output = site.play("playbooks/prune.yml")
    assert code == 0, output
    assert not site.locked()


def test_load_then_promote_is_an_ingest_in_two_halves(fresh):
    live, releases = (fresh.volume / "prod").readlink(), snapshots(fresh)
    fresh.download()
    code, output = fresh.play("playbooks/load.yml", "-e", "reingest_force=true")
    assert code == 0, output
    assert (fresh.volume / "prod").readlink() == live
    a_view_waits_for_the_end_of_the_switch(fresh)
    budget = "reingest_outage_budget=0.1 reingest_accept=outage"
    code, output = fresh.play(PROMOTE, "-e", f"reingest_keep=1 {budget}")
    assert code == 0, output
    assert "accepted: outage: the portal would be away for" in output
    assert "over the budget of 0.1 s (reingest_outage_budget)" in output
    outage = fresh.report()["outage"]
    assert 0.5 * outage["outage_s"] < outage["predicted_s"] < 2 * outage["outage_s"] + 1
    assert (fresh.volume / "prod").readlink().name not in releases
    assert fresh.health()["release"] == RELEASE_2
    oldest = next(name for name, release in releases.items() if release == RELEASE_1)
    assert [line["snapshot"] for line in fresh.ledger() if line["state"] == "pruned"] == [oldest]
    assert oldest not in fresh.snapshots()
    settled = next(stage for stage in fresh.report()["stages"] if stage["name"] == "settle")
    assert "refresh materialised view downloads" in settled["did"]
    assert ask(fresh, "TABLE downloads") == [(1,)]


def a_view_waits_for_the_end_of_the_switch(deployment):
    """Make one in the load, as the schema and ``views:`` of a dataset would."""
    ask(
        deployment,
        "CREATE MATERIALIZED VIEW downloads AS SELECT count(*) AS n FROM file_download;"
        "INSERT INTO reingest.load_view VALUES ('downloads')",
        "DEMO_STAGING_PORT",
    )


@full
def test_rollback_goes_back_once_and_does_not_toggle(fresh):
    code, output = fresh.play("playbooks/rollback.yml")
    assert code == 0, output
    went_back_to = (fresh.volume / "prod").readlink()
    assert fresh.health()["release"] == RELEASE_1
    code, output = fresh.play("playbooks/rollback.yml")
    assert code != 0
    assert "there is no earlier good snapshot to go back to" in output
    assert (fresh.volume / "prod").readlink() == went_back_to
    assert fresh.health()["release"] == RELEASE_1


@full
def test_promote_starts_what_does_not_run(site):
    os.kill(site.processes()["backend"], signal.SIGKILL)
    wait_for(lambda: "backend" not in site.processes())
    live = (site.volume / "prod").readlink().name
    code, output = site.play(PROMOTE, "-e", f"reingest_snapshot={live}")
    assert code == 0, output
    assert (site.volume / "prod").readlink().name == live
    assert site.health()["status"] == "ok"


@full
def test_a_load_while_production_is_stopped_says_how_to_start_it(stopped):
    live = (stopped.volume / "prod").readlink().name
    code, output = stopped.ingest(RELEASE_2)
    assert code != 0
    assert f"db does not run, although prod leads to {live}: start it with playbooks/recover.yml" in output
    assert not stopped.locked()
    code, output = stopped.play("playbooks/recover.yml")
    assert code == 0, output
    assert stopped.health()["status"] == "ok"


@full
def test_a_load_whose_server_was_killed_is_recovered_by_its_server_before_it_is_promoted(site):
    code, output = site.play("playbooks/load.yml", "-e", "reingest_force=true")
    assert code == 0, output
    os.kill(site.processes()["db-ingest"], signal.SIGKILL)
    wait_for(lambda: "db-ingest" not in site.processes())
    code, output = site.play(PROMOTE)
    assert code == 0, output
    assert site.health()["release"] == RELEASE_2
