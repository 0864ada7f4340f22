"""``stop.yml`` ends what loads, of an interrupted run and of one that waits for it, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest
import yaml
from deployment import make_deployment
from test_playbook_progress import DATASET, SCHEMA, held
from tiers import full
from waiting import wait_for

from plugins.module_utils.reingest.host.boot import boot_id
from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.window.window_record import (
    Window,
    boottime,
    remove_window,
    write_window,
)

STOP = "playbooks/stop.yml"
LOADER = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
with open(sys.argv[1] + ".new", "w") as out:
    out.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
child.wait()
"""


@pytest.fixture(scope="module")
def deployment():
    """Return one deployment for all tests of this file: each ends what it has started."""
    made = make_deployment()
    (made.home / "dataset.yml").write_text(DATASET)
    (made.home / "schema.sql").write_text(SCHEMA)
    (made.home / "study.csv").write_text("id\ns1\ns2\n")
    yield made
    made.clear()


@pytest.fixture
def loading(deployment):
    """Return a run whose load is held in the middle of its table, and the load's state."""
    dataset = ("-e", f"reingest_dataset={deployment.home}/dataset.yml")
    run = deployment.start("playbooks/load.yml", *dataset, ANSIBLE_ASYNC_DIR=str(deployment.home / "jobs"))
    yield run, held(deployment)
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()


def lives(state):
    return started_at(state["process"]) == state["process_started"]


def interrupted(deployment, loading):
    """Interrupt a run whose load goes on; return the load's state."""
    run, state = loading
    os.killpg(run.pid, signal.SIGINT)
    run.communicate(timeout=120)
    assert lives(state)
    assert deployment.locked()
    return state


def test_the_load_of_an_interrupted_run_is_shown_and_ended_and_its_volume_given_back(deployment, loading):
    state, before = interrupted(deployment, loading), deployment.processes()
    code, output = deployment.play("playbooks/status.yml")
    assert code == 0, output
    assert f"load of run {state['run']} by 0000-0002-1825-0097" in output
    assert "under way" in output

    code, output = deployment.play(STOP)
    assert code == 0, output
    assert f"end the load of run {state['run']} of 0000-0002-1825-0097" in output
    assert f"give the volume back that run {state['run']}" in output
    assert not lives(state)
    assert not deployment.locked()
    assert deployment.processes() == before


@full
def test_only_an_operator_ends_it_a_dry_run_does_not_and_it_is_ended_once(deployment, loading):
    state = interrupted(deployment, loading)
    code, output = deployment.play(STOP, REINGEST_OPERATOR="0000-0001-5109-3700")
    assert code != 0
    assert "0000-0001-5109-3700 is not one of the operators" in output
    assert lives(state)

    code, output = deployment.play(STOP, "--check")
    assert code == 0, output
    assert f"would end the load of run {state['run']} of 0000-0002-1825-0097" in output
    assert f"would give the volume back that run {state['run']}" in output
    assert lives(state)
    assert deployment.locked()

    code, output = deployment.play(STOP)
    assert code == 0, output
    assert not lives(state)
    assert not deployment.locked()

    code, output = deployment.play(STOP)
    assert code == 0, output
    assert "nothing loads on this host" in output
    assert "no run holds the volume lock" in output
    assert "changed=0" in output
    assert "changed=1" not in output


@full
def test_a_run_that_is_under_way_is_told_and_gives_the_volume_back_itself(deployment, loading):
    run, state = loading
    code, output = deployment.play(STOP)
    assert code == 0, output
    assert f"end the load of run {state['run']}" in output
    assert f"run {state['run']} of 0000-0002-1825-0097 holds the volume lock" in output
    assert not lives(state)
    told = " ".join(run.communicate(timeout=120)[0].split())
    assert run.returncode != 0
    assert f"the load of run {state['run']} was lost" in told
    assert "stopped by playbooks/stop.yml" in told
    assert not deployment.locked()


@full
def test_the_portals_own_loader_is_ended_with_all_that_it_started(deployment):
    script, told = deployment.home / "loader.py", deployment.home / "loader.pids"
    script.write_text(LOADER)
    (deployment.home / "own.yml").write_text(
        yaml.safe_dump({"database": "nmdc", "tables": {"study": {"owner": "source"}}})
    )
    variables = {
        "reingest_load_method": "command",
        "reingest_dataset": str(deployment.home / "own.yml"),
        "reingest_release": "own-1",
        "reingest_loader": {"command": {"argv": [sys.executable, str(script), str(told)]}},
    }
    run = deployment.start("playbooks/load.yml", "-e", json.dumps(variables))
    wait_for(told.exists, "the loader runs", seconds=120)
    processes = {pid: started_at(pid) for pid in map(int, told.read_text().split())}
    os.killpg(run.pid, signal.SIGINT)
    run.communicate(timeout=120)
    assert {pid: started_at(pid) for pid in processes} == processes
    code, output = deployment.play(STOP, "-e", json.dumps(variables))
    assert code == 0, output
    assert {started_at(pid) for pid in processes} == {None}
    assert not deployment.locked()


@full
def test_a_run_inside_its_switch_is_refused_by_name(deployment, loading):
    _, state = loading
    records = deployment.home / "work/services"
    window = Window(
        run="20261124T100000Z-4711",
        operator="0000-0002-1825-0097",
        volume="",
        snapshot="20261124T100000Z",
        previous="",
        engine="process",
        production=(),
        staging=(),
        writers=(),
        stop_timeout=5.0,
        start_timeout=5.0,
        watchdog=600.0,
        boot=boot_id(),
        opened=boottime(),
        since="2026-11-24T10:00:00+00:00",
    )
    write_window(records, window)
    try:
        code, output = deployment.play(STOP)
    finally:
        remove_window(records, window, by="the test", at="now", live="")
    assert code != 0
    assert "run 20261124T100000Z-4711 of 0000-0002-1825-0097 is inside its switch" in output
    assert lives(state)
    code, output = deployment.play(STOP)
    assert code == 0, output
    assert not lives(state)
