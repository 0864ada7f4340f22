"""A run that dies inside its switch: the host brings the portal back by itself, and the run can do no more.

The whole of it, at each task of ``ingest.yml``, is part of ``make test-crash``.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import psycopg2
import pytest
from controller import (
    WATCHDOG_S,
    kill,
    lives,
    other,
    rest,
    run_to_step,
    served,
    snapshots,
    stop,
    wait_closed,
    wake,
    window_open,
)
from deployment import RELEASE_1, RELEASE_2, broken_portal, ingested_deployment
from tiers import full, sample
from waiting import wait_for

from plugins.module_utils.reingest.window.lease import worker

SHORT = ("-e", f"reingest_watchdog={WATCHDOG_S}")
PROMOTE = "playbooks/promote.yml"


@pytest.fixture(scope="module")
def site():
    """Return a deployment with both releases on its volume, the second one live."""
    made = ingested_deployment()
    yield made
    made.clear()


def is_whole(site, releases):
    """See that one whole release of those that there were serves, and that nothing is open."""
    now = served(site)
    assert now.release == releases[now.snapshot]
    assert not window_open(site)
    assert not list((site.home / "work/services").glob("reingest-watch*"))
    assert snapshots(site) == releases


@pytest.fixture
def back(site):
    """Whatever the test did: one whole release serves, and nothing is open or held."""
    releases = snapshots(site)
    yield site
    is_whole(site, releases)
    assert not site.locked()
    assert set(site.processes()) == {"db", "db-ingest", "backend"}


@pytest.fixture
def whole(back):
    """And the next run is like any other."""
    releases = snapshots(back)
    yield back
    is_whole(back, releases)
    code, output = back.play(PROMOTE, "-e", f"reingest_snapshot={other(back)} reingest_force=true")
    assert code == 0, output


def to(snapshot):
    return ("-e", f"reingest_snapshot={snapshot} reingest_force=true", *SHORT)


def log(site):
    return (site.home / "work/services/watchdog.log").read_text()


def records(site):
    return site.home / "work/services"


def watchdog_process(site):
    """Return the process id of the watchdog that lives."""

    def found():
        text = (records(site) / "window.watcher").read_text()
        return text and lives(json.loads(text)["pid"]) and json.loads(text)["pid"]

    return wait_for(found, "a watchdog lives")


def die_alone(site, task, *, modules=True):
    """Kill a promotion at a task, and its watchdog with it: as nobody does who is still there to help."""
    run = run_to_step(site, PROMOTE, task, *to(other(site)))
    guard = watchdog_process(site)
    os.kill(guard, signal.SIGKILL)
    left = kill(run, modules=modules)
    wait_for(lambda: not any(map(lives, left)))
    assert window_open(site)


def stop_step(site):
    """Stop the next step of the run in the midst of its work; return its process id."""

    def stopped():
        step = worker(records(site))
        if step is None or not step.pid:
            return None
        os.kill(step.pid, signal.SIGSTOP)
        return worker(records(site)) == step and step.pid  # it had not just ended

    return wait_for(stopped, "a step works", pause=0.002)


def start_watchdog(site):
    """Start the watchdog as the machine does when it boots."""
    return subprocess.Popen([sys.executable, records(site) / "reingest-watch.pyz", records(site)], cwd="/")


@pytest.mark.parametrize(
    ("task", "modules"),
    [
        pytest.param("Stop the servers", True, marks=full),
        ("Promote the snapshot", True),
        pytest.param("Start production", False, marks=full),
        pytest.param("Start the writers", True, marks=full),
    ],
)
def test_a_portal_whose_controller_was_killed_is_back_with_nobodys_help(whole, task, modules):
    run = run_to_step(whole, PROMOTE, task, *to(other(whole)))
    wait_closed(whole, kill(run, modules=modules))
    assert "recovered; live: " in log(whole)
    live = served(whole).snapshot
    ledger = whole.ledger()
    assert [line["snapshot"] for line in ledger if line["state"] == "live"][-1] == live
    assert not whole.locked()


def test_a_run_that_comes_back_to_life_is_refused_and_changes_nothing(back):
    new = other(back)
    run = run_to_step(back, PROMOTE, "Stop the servers", *to(new))
    stopped = stop(run)  # the host makes its steps to the end, and hears no more
    wait_closed(back)
    processes, ledger, now = back.processes(), back.ledger(), served(back)
    assert now.snapshot == new
    wake(stopped)
    code, output = rest(run)
    assert code != 0
    # By the window where the next step is about services, by the claim where it is about the volume.
    assert "was closed by its watchdog at" in output or "it was presumed dead" in output, output
    assert f"its watchdog had ended the switch by then; {new} serves" in output
    assert back.processes() == processes
    assert back.ledger() == ledger
    assert served(back) == now


@full
def test_after_a_reboot_the_watcher_does_not_wait(whole):
    die_alone(whole, "Promote the snapshot")
    with pytest.raises((OSError, AssertionError)):
        served(whole)
    path = records(whole) / "window.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot": "another", "watchdog": 3600}))
    process = start_watchdog(whole)
    wait_closed(whole)
    assert process.wait(10) == 0
    assert "the machine was started anew" in log(whole)


@pytest.mark.parametrize("task", sample(["Stop the servers", "Start production"], "Stop the servers"))
def test_where_no_watcher_lives_the_next_run_recovers_first(back, task):
    die_alone(back, task)
    code, output = back.play("playbooks/prune.yml")
    assert code == 0, output
    assert served(back)
    assert "start backend" in output  # how far the servers were, the task does not tell


@full
def test_a_dry_run_says_what_the_recovery_would_do_and_does_nothing(whole):
    die_alone(whole, "Promote the snapshot")
    before = sorted((path, path.lstat().st_mtime_ns) for path in records(whole).iterdir())
    code, output = whole.play("playbooks/prune.yml", "--check")
    assert code != 0
    assert re.search("a switch was cut short; a run would first [^:]*start backend", output), output
    after = sorted((path, path.lstat().st_mtime_ns) for path in records(whole).iterdir())
    assert [one for one in after if "window.lock" not in one[0].name] == [
        one for one in before if "window.lock" not in one[0].name
    ]
    assert window_open(whole)
    code, output = whole.play("playbooks/recover.yml", "--check")
    assert code == 0, output
    assert "would be done" in output
    assert window_open(whole)
    code, output = whole.play("playbooks/recover.yml")
    assert code == 0, output


@full
def test_a_recovery_that_was_killed_is_gone_on_with(whole):
    die_alone(whole, "Start production")
    process = start_watchdog(whole)
    wait_for(lambda: "is silent: recover" in log(whole).splitlines()[-1] or not window_open(whole))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert window_open(whole)
    code, output = whole.play("playbooks/recover.yml")
    assert code == 0, output


@full
def test_two_recoveries_at_once_and_a_watcher_are_one(whole):
    die_alone(whole, "Start production")
    ledger = whole.ledger()
    process = start_watchdog(whole)
    runs = [whole.start("playbooks/recover.yml") for _ in range(2)]
    outputs = [" ".join(run.communicate(timeout=120)[0].split()) for run in runs]
    wait_closed(whole)
    assert process.wait(10) in (0, -signal.SIGTERM)  # it closed the window, or was ended by who did
    for run, output in zip(runs, outputs):
        assert run.returncode == 0 or "the volume is held by run" in output, output
    new = [(line["state"], line["snapshot"]) for line in whole.ledger()[len(ledger) :]]
    assert len(new) == len(set(new))
    assert not whole.locked()


@full
def test_a_release_on_which_the_portal_does_not_get_healthy_is_taken_back(whole):
    if served(whole).release == RELEASE_2:
        code, output = whole.play(PROMOTE, "-e", f"reingest_snapshot={other(whole)} reingest_force=true")
        assert code == 0, output
    before, new = served(whole), other(whole)
    assert before.release == RELEASE_1
    run = run_to_step(whole, PROMOTE, "Start the writers", *to(new), *broken_portal(whole, RELEASE_2))
    wait_closed(whole, kill(run, modules=True), seconds=60)
    assert served(whole) == before
    last = [line for line in whole.ledger() if line["snapshot"] == new][-1]
    assert last["state"] == "bad"
    assert "died inside its switch" in last["why"]
    assert last["detail"]["restored"] == before.snapshot


@full
def test_a_verb_of_a_dead_run_that_hangs_is_ended_by_the_next_run(whole):
    run = run_to_step(whole, PROMOTE, "Start production", *to(other(whole)))
    step = stop_step(whole)
    os.kill(watchdog_process(whole), signal.SIGKILL)
    kill(run, modules=False)
    assert lives(step)
    code, output = whole.play("playbooks/recover.yml")
    assert not lives(step)
    assert code == 0, output


@full
def test_recover_starts_what_should_run_though_nothing_was_cut_short(whole):
    code, output = whole.play("demo/services.yml", "-e", "demo_state=stopped")
    assert code == 0, output
    assert not whole.processes()
    code, output = whole.play("playbooks/recover.yml")
    assert code == 0, output
    assert "start db " in output
    code, output = whole.play("playbooks/recover.yml")
    assert code == 0, output
    assert "nothing to change" in output


@full
def test_no_password_is_in_the_records_of_a_window(whole):
    secret = (whole.home / "pgpass").read_text().rpartition(":")[2].strip()
    port = whole.environment["DEMO_PRODUCTION_PORT"]
    login = f"postgresql://nmdc:{secret}@127.0.0.1:{port}/nmdc"
    psycopg2.connect(login).close()
    run = run_to_step(
        whole, PROMOTE, "Stop the servers", *to(other(whole)), "-e", f"reingest_production_dsn={login}"
    )
    kept = json.loads((records(whole) / "window.json").read_text())
    servers = json.dumps([kept["production"], kept["staging"]])
    assert "ready" in servers
    assert secret not in servers
    assert (records(whole) / "window.json").stat().st_mode & 0o077 == 0
    wait_closed(whole, kill(run, modules=True))
    assert secret not in log(whole)
