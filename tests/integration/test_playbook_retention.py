"""Pin, prune, status and the room for a load by their playbooks, with servers as plain processes."""

from __future__ import annotations

import json
import subprocess

import pytest
from deployment import PLAYBOOK, RELEASE_1, RELEASE_2, ROOT, ingested_deployment
from tiers import full


@pytest.fixture(scope="module")
def deployment():
    """Return a deployment with two releases; only the last test loads or deletes one."""
    made = ingested_deployment()
    yield made
    made.clear()


def status(deployment):
    """Return what status.yml prints for scripts."""
    done = subprocess.run(
        [PLAYBOOK, "playbooks/status.yml", "-i", "inventories/demo"],
        cwd=ROOT,
        env={**deployment.environment, "ANSIBLE_STDOUT_CALLBACK": "dataportal.reingest.status_json"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def lines(deployment, state):
    return [line for line in deployment.ledger() if line["state"] == state]


def test_a_load_has_its_size_and_versions_in_the_ledger(deployment):
    for line in lines(deployment, "loaded"):
        detail = line["detail"]
        assert detail["bytes"] > detail["largest"] > 0
        assert (detail["major"], detail["catalog_version"] > 202_000_000) == ("16", True)
    newest = lines(deployment, "loaded")[-1]
    command = ["du", "-s", "--block-size=1", f"{deployment.volume}/prod/"]
    du = subprocess.run(command, capture_output=True, check=True, text=True)
    # WAL comes and goes.
    assert int(du.stdout.split()[0]) == pytest.approx(newest["detail"]["bytes"], rel=0.2)


def test_status_is_a_table(deployment):
    first, second = deployment.snapshots()
    code, output = deployment.play("playbooks/status.yml")
    assert code == 0, output
    assert "snapshot state release size age" in output
    assert f"{second} live {RELEASE_2} " in output
    assert f"{first} good {RELEASE_1} " in output
    assert "the way back" in output
    assert "the next load needs " in output
    assert f"(the last load, {second}, has " in output
    assert "changed=1" not in output


@full
def test_a_volume_that_is_not_there_is_a_failure_in_the_document_and_in_the_exit_code(deployment):
    done = subprocess.run(
        [PLAYBOOK, "playbooks/status.yml", "-i", "inventories/demo", "-e", "reingest_volume=/nowhere"],
        cwd=ROOT,
        env={**deployment.environment, "ANSIBLE_STDOUT_CALLBACK": "dataportal.reingest.status_json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    (failure,) = json.loads(done.stdout)["failures"]
    assert "volume /nowhere is not there" in failure["message"]


@full
def test_a_pin_needs_a_snapshot_that_is_there(deployment):
    code, output = deployment.play("playbooks/pin.yml")
    assert code != 0
    assert "name the snapshot to pin: -e reingest_snapshot=<id>" in output
    code, output = deployment.play("playbooks/pin.yml", "-e", "reingest_snapshot=20200101T000000Z")
    assert code != 0
    assert "snapshot 20200101T000000Z cannot be pinned: it is not on the volume" in output
    assert not deployment.locked()


def pin(deployment):
    """Return the arguments that pin the earlier snapshot, and that snapshot."""
    first, _ = deployment.snapshots()
    return ["-e", f"reingest_snapshot={first}", "-e", "reingest_why='cited in a paper'"], first


@full
def test_a_pin_is_planned_and_made_once(deployment):
    arguments, first = pin(deployment)
    code, output = deployment.play("playbooks/pin.yml", *arguments, "--check", "--diff")
    assert code == 0, output
    assert f"pin snapshot {first}" in output
    assert lines(deployment, "pinned") == []
    for expected in ("changed=1", "changed=0"):
        code, output = deployment.play("playbooks/pin.yml", *arguments)
        assert code == 0, output
        assert expected in output
    assert len(lines(deployment, "pinned")) == 1


def test_a_pin_is_written_down_and_status_is_one_json_document_for_scripts_that_has_it(deployment):
    arguments, first = pin(deployment)
    code, output = deployment.play("playbooks/pin.yml", *arguments)
    assert code == 0, output
    (line,) = lines(deployment, "pinned")
    assert (line["snapshot"], line["why"]) == (first, "cited in a paper")

    first, second = deployment.snapshots()
    found = status(deployment)
    assert found["failures"] == []
    volume = found["volume"]
    assert (volume["live"], volume["previous"], volume["lock"], volume["faults"]) == (second, first, None, [])
    sizes = {one["snapshot"]: one["bytes"] for one in volume["snapshots"]}
    assert sizes == {line["snapshot"]: line["detail"]["bytes"] for line in lines(deployment, "loaded")}
    assert found["load"]["load"]["state"] == "finished"
    assert {one["snapshot"]: one["pinned"] for one in volume["snapshots"]}[first]
    assert [key for part in ("volume", "load") for key in found[part] if key.startswith("_")] == []


@full
@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["a run", "a dry run"])
def test_a_load_without_room_is_refused_before_anything_is_loaded_or_deleted(deployment, arguments):
    before = deployment.processes(), deployment.snapshots()
    code, output = deployment.ingest(
        RELEASE_1, "-e", "reingest_force=true", "-e", "reingest_min_free=900T", *arguments
    )
    assert code != 0
    assert "Reach every host, and try what the run will need there" in output
    assert "Make room for the load, or refuse it" not in output
    assert "the next load needs 900.0 TiB (the last load, " in output
    assert "nothing was loaded or deleted" in output
    assert f"{deployment.snapshots()[0]}: the way back; " in output
    assert (deployment.processes(), deployment.snapshots()) == before
    assert len(lines(deployment, "loaded")) == 2
    assert not deployment.locked()


@full
def test_a_run_that_loads_nothing_needs_no_room(deployment):
    code, output = deployment.ingest(RELEASE_2, "-e", "reingest_min_free=900T")
    assert code == 0, output
    assert "changed=1" not in output


@full
def test_without_settings_for_the_load_too_a_run_is_planned_before_room_is_made(deployment):
    code, output = deployment.ingest(
        RELEASE_2, "-e", "reingest_min_free=900T", "-e", "reingest_load_settings=false"
    )
    assert code == 0, output
    assert "changed=1" not in output


@full
def test_what_is_pinned_outlives_what_the_rules_let_go_and_goes_once_it_is_unpinned(deployment):
    first, second = deployment.snapshots()
    code, output = deployment.play("playbooks/pin.yml", "-e", f"reingest_snapshot={first}")
    assert code == 0, output
    for _ in range(2):
        code, output = deployment.ingest(RELEASE_2, "-e", "reingest_keep=1", "-e", "reingest_force=true")
        assert code == 0, output
    assert deployment.snapshots()[0] == first
    assert second not in deployment.snapshots()
    assert len(deployment.snapshots()) == 3
    (line,) = lines(deployment, "pruned")
    assert (line["snapshot"], line["why"]) == (second, "more than the 1 that are kept")

    first, *others = deployment.snapshots()
    code, output = deployment.play(
        "playbooks/pin.yml", "-e", f"reingest_snapshot={first}", "-e", "reingest_pin=false"
    )
    assert code == 0, output
    code, plan = deployment.play("playbooks/prune.yml", "-e", "reingest_keep=1", "--check", "--diff")
    assert code == 0, plan
    assert f"delete snapshot {first}: more than the 1 that are kept" in plan
    assert len(deployment.snapshots()) == 3
    code, output = deployment.play("playbooks/prune.yml", "-e", "reingest_keep=1")
    assert code == 0, output
    assert deployment.snapshots() == others
    code, output = deployment.play("playbooks/prune.yml", "-e", "reingest_keep=1")
    assert code == 0, output
    assert "changed=1" not in output
