"""Whole ingests with servers as plain processes, in the order in which an operator would meet them."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.request

import pytest
from deployment import RELEASE_1, RELEASE_2, broken_portal, make_deployment


@pytest.fixture(scope="module")
def deployment():
    """Return one deployment for all tests of this file: they follow each other."""
    made = make_deployment()
    yield made
    made.clear()


def snapshots(deployment):
    return sorted(path.name for path in (deployment.volume / "staging").iterdir())


def test_a_dry_run_of_a_first_ingest_plans_all_of_it_and_makes_nothing(deployment):
    before = sorted(deployment.home.rglob("*"))
    code, output = deployment.ingest(RELEASE_1, "--check", "--diff")
    assert code == 0, output
    assert sorted(deployment.home.rglob("*")) == before
    assert deployment.processes() == {}
    sentences = [
        "start db-ingest",
        "load study from",
        "move ingest to staging/",
        "point prod at",
        "start backend",
    ]
    assert [output.index(sentence) for sentence in sentences] == sorted(map(output.index, sentences))


def test_a_first_ingest_that_fails_leaves_prod_absent_and_db_stopped(deployment):
    code, output = deployment.ingest(RELEASE_1, *broken_portal(deployment, RELEASE_1))
    assert code != 0
    assert "the switch failed in Start the writers on demo" in output
    assert "it was the first ingest: prod is absent and production stays stopped; the load is kept" in output
    assert not os.path.lexists(deployment.volume / "prod")
    assert set(deployment.processes()) == {"db-ingest"}
    assert len(snapshots(deployment)) == 1
    assert not deployment.locked()
    assert deployment.report()["outcome"] == "failed"


def test_a_first_ingest_makes_the_release_live(deployment):
    code, output = deployment.ingest(RELEASE_1)
    assert code == 0, output
    health = deployment.health()
    assert health["release"] == RELEASE_1
    assert health["tables"]["study"] == 13
    assert (deployment.volume / "prod").readlink().parts[0] == "staging"
    assert set(deployment.processes()) == {"db", "db-ingest", "backend"}
    assert (deployment.volume / "ingest").stat().st_uid == (deployment.volume / "prod").stat().st_uid


def test_a_second_run_changes_nothing_and_touches_no_process(deployment):
    before = deployment.processes()
    code, output = deployment.ingest(RELEASE_1)
    assert code == 0, output
    assert "changed=0" in output
    assert "changed=1" not in output
    assert deployment.processes() == before


def test_rows_of_the_portals_users_stop_the_run_unless_they_are_accepted_by_name(deployment):
    button = first_download_button(deployment)
    urllib.request.urlopen(
        urllib.request.Request(deployment.portal + button, method="POST", data=b"")
    ).close()
    assert deployment.health()["tables"]["file_download"] == 1

    code, output = deployment.ingest(RELEASE_2)
    assert code != 0
    assert "portal:file_download" in output
    assert deployment.health()["release"] == RELEASE_1
    assert not deployment.locked()


def first_download_button(deployment):
    """Return the address of the first download button on a study's page."""
    for page in re.findall(
        r'href="(/stud[^"]+)"', urllib.request.urlopen(deployment.portal + "/").read().decode()
    ):
        buttons = re.findall(
            r'action="(/[^"]*download[^"]*)"',
            urllib.request.urlopen(deployment.portal + page).read().decode(),
        )
        if buttons:
            return buttons[0]
    raise AssertionError("no study has a data object to download")


def test_the_load_that_was_verified_is_not_made_again(deployment):
    code, output = deployment.ingest(
        RELEASE_2, *broken_portal(deployment, RELEASE_2), "-e", "reingest_accept=portal:file_download"
    )
    assert code != 0
    assert "the switch failed in Start the writers on demo" in output
    assert "the old production serves again" in output
    assert deployment.report()["stages"][1]["did"] == []  # the load: kept as the run before left it


def test_the_old_production_serves_after_a_switch_that_failed(deployment):
    assert deployment.health()["release"] == RELEASE_1
    assert deployment.health()["tables"]["file_download"] == 1
    assert [line["state"] for line in deployment.ledger()][-2:] == ["live", "bad"]
    assert len(snapshots(deployment)) >= 2
    assert set(deployment.processes()) == {"db", "db-ingest", "backend"}


def test_the_next_ingest_makes_release_2_live(deployment):
    code, output = deployment.ingest(RELEASE_2, "-e", "reingest_accept=portal:file_download")
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
    assert report["tables"]["biosample"]["duplicates"] == 926
    assert report["tables"]["omics_input"]["orphans"] == 1
    assert report["operator"] == "0000-0002-1825-0097"
    assert report["window_seconds"] > 0


def test_a_second_run_is_refused_while_one_is_under_way(deployment):
    first = deployment.start("ingest.yml", "-e", "reingest_force=true")
    wait_for(deployment.locked)
    code, output = deployment.play("playbooks/prune.yml")
    assert code != 0
    assert "the volume is held by run" in output
    assert "0000-0002-1825-0097" in output
    assert deployment.locked()
    log, _ = first.communicate(timeout=120)
    assert first.returncode == 0, log


def test_what_a_killed_run_left_is_taken_over_on_the_same_controller(deployment):
    killed = deployment.start("playbooks/promote.yml")
    wait_for(deployment.locked)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert deployment.locked()
    code, output = deployment.play("playbooks/prune.yml")
    assert code == 0, output
    assert not deployment.locked()


def test_load_then_promote_is_an_ingest_in_two_halves(deployment):
    live = (deployment.volume / "prod").readlink()
    code, output = deployment.play("playbooks/load.yml", "-e", "reingest_force=true")
    assert code == 0, output
    assert (deployment.volume / "prod").readlink() == live
    code, output = deployment.play("playbooks/promote.yml")
    assert code == 0, output
    assert (deployment.volume / "prod").readlink() != live
    assert deployment.health()["release"] == RELEASE_2


def test_rollback_goes_back_once_and_does_not_toggle(deployment):
    left = (deployment.volume / "prod").readlink()
    code, output = deployment.play("playbooks/rollback.yml")
    assert code == 0, output
    first = (deployment.volume / "prod").readlink()
    assert first != left
    code, output = deployment.play("playbooks/rollback.yml")
    assert code != 0 or (deployment.volume / "prod").readlink() != left


def test_promote_starts_what_does_not_run(deployment):
    os.kill(deployment.processes()["backend"], signal.SIGKILL)
    wait_for(lambda: "backend" not in deployment.processes())
    live = (deployment.volume / "prod").readlink().name
    code, output = deployment.play("playbooks/promote.yml", "-e", f"reingest_snapshot={live}")
    assert code == 0, output
    assert (deployment.volume / "prod").readlink().name == live
    assert deployment.health()["status"] == "ok"


def test_a_load_while_production_is_stopped_says_how_to_start_it(deployment):
    live = (deployment.volume / "prod").readlink().name
    code, output = deployment.play("demo/services.yml", "-e", "demo_state=stopped")
    assert code == 0, output
    code, output = deployment.ingest(RELEASE_2)
    assert code != 0
    assert f"db does not run, although prod leads to {live}: start it with playbooks/recover.yml" in output
    assert not deployment.locked()
    code, output = deployment.play("playbooks/recover.yml")
    assert code == 0, output
    assert deployment.health()["status"] == "ok"


def test_status_says_what_is_live(deployment):
    code, output = deployment.play("playbooks/status.yml")
    assert code == 0
    assert f"{(deployment.volume / 'prod').readlink().name} live" in output


def test_a_load_whose_server_was_killed_is_recovered_by_its_server_before_it_is_promoted(deployment):
    code, output = deployment.play("playbooks/load.yml", "-e", "reingest_force=true")
    assert code == 0, output
    os.kill(deployment.processes()["db-ingest"], signal.SIGKILL)
    wait_for(lambda: "db-ingest" not in deployment.processes())
    code, output = deployment.play("playbooks/promote.yml")
    assert code == 0, output
    assert deployment.health()["release"] == RELEASE_2


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
