"""The watchdog on a machine that systemd has booted: a unit, back when it is killed, and with the machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass

import pytest
from containers import docker, need_image
from controller import (
    GRACE_S,
    WATCHDOG_S,
    kill,
    other,
    run_to_step,
    served,
    snapshots,
    wait_closed,
    window_open,
)
from deployment import ROOT, Deployment, demo_inventory, ingested_deployment
from tiers import full

pytestmark = full  # another home of the watchdog, whose every case is in test_watchdog
IMAGE = "reingest-test-systemd"
PROMOTE = "playbooks/promote.yml"


@dataclass(frozen=True, kw_only=True)
class Machine(Deployment):
    """A deployment in a container whose first process is systemd."""

    name: str

    def inside(self, *command):
        """Run a command on the machine; return its exit code and what it prints."""
        done = subprocess.run(
            ["docker", "exec", self.name, *command], check=False, capture_output=True, text=True
        )
        return done.returncode, done.stdout.strip()

    def units(self):
        """Return the watchdog's units that systemd knows, each with whether it is active."""
        _, listed = self.inside(
            "systemctl", "list-units", "--all", "--plain", "--no-legend", "reingest-watch-*"
        )
        return {line.split()[0]: line.split()[2] for line in listed.splitlines()}

    def unit_files(self):
        return self.inside("sh", "-c", "ls /etc/systemd/system | grep reingest")[1].split()

    def wait(self, condition, seconds=60):
        command = f"until {condition}; do sleep 0.05; done"
        assert self.inside("timeout", str(seconds), "sh", "-c", command)[0] == 0, condition


@pytest.fixture(scope="module")
def machine(docker_engine, tmp_path_factory):
    """Return a machine with both releases on its volume, the second one live."""
    need_image(IMAGE, "systemd")
    made = ingested_deployment(started=False)
    name = f"reingest-test-systemd-{uuid.uuid4().hex[:8]}"
    rights = ["--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE", "--security-opt=seccomp=unconfined"]
    rights += ["--security-opt=apparmor=unconfined", "--tmpfs=/run", "--tmpfs=/run/lock"]
    mounts = ["/sys/fs/cgroup:/sys/fs/cgroup", f"{made.home}:{made.home}", f"{ROOT}/demo:{ROOT}/demo:ro"]
    volumes = [word for mount in mounts for word in ("--volume", mount)]
    docker("run", "--detach", "--name", name, "--network", "host", *rights, *volumes, IMAGE)
    reached = inventory(tmp_path_factory.mktemp("machine"), name)
    found = Machine(made.home, made.environment, made.portal, reached, name=name)
    try:
        found.wait("systemctl is-system-running --quiet")
        found.services("started")
        yield found
    finally:
        docker("rm", "--force", "--volumes", name)
        shutil.rmtree(made.home)


def inventory(folder, name):
    """Return the demo's inventory for servers on another machine, which is reached by docker exec."""
    host = {"ansible_connection": "community.docker.docker", "ansible_host": name}
    host |= {"reingest_watchdog": WATCHDOG_S}
    groups = {group: {"hosts": {"machine": host}} for group in ("worker", "db", "backend")}
    made = demo_inventory(folder, json.dumps(groups))
    variables = made / "group_vars/all.yml"
    variables.write_text(variables.read_text().replace("{{ ansible_playbook_python }}", "/usr/bin/python3"))
    return made


@pytest.fixture
def whole(machine):
    """Whatever the test did: one whole release serves, nothing watches, the next run is like any other."""
    yield machine
    releases = snapshots(machine)
    now = served(machine)
    assert now.release == releases[now.snapshot]
    assert not window_open(machine)
    machine.wait("! ls /etc/systemd/system | grep -q reingest", 20)  # it ends after its window
    assert machine.inside("sh", "-c", "ls /etc/systemd/system/*.wants | grep reingest")[1] == ""
    code, output = machine.play(PROMOTE, "-e", f"reingest_snapshot={other(machine)} reingest_force=true")
    assert code == 0, output
    assert served(machine).snapshot != now.snapshot
    assert machine.unit_files() == []


def promotion(machine, task):
    """Start a promotion of the other snapshot and return it as the task begins."""
    return run_to_step(
        machine, PROMOTE, task, "-e", f"reingest_snapshot={other(machine)} reingest_force=true"
    )


def test_the_watcher_is_a_unit_that_is_enabled_while_the_window_is_open(whole):
    run = promotion(whole, "Start production")
    ((unit, state),) = whole.units().items()
    assert state == "active"
    assert whole.unit_files()[0] == unit
    assert whole.inside("systemctl", "is-enabled", unit) == (0, "enabled")
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output


@pytest.mark.parametrize("task", ["Stop the servers", "Start production"])
def test_a_watcher_that_is_killed_is_started_again_and_brings_the_portal_back(whole, task):
    run = promotion(whole, task)
    (unit,) = whole.units()
    _, before = whole.inside("systemctl", "show", "--property=MainPID", "--value", unit)
    whole.inside("systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit)
    left = kill(run, modules=True)
    again = f'case "$(systemctl show --property=MainPID --value {unit})" in 0|{before}) false;; esac'
    whole.wait(again, 20)
    wait_closed(whole, left)


def test_what_the_watcher_started_outlives_it(whole):
    run = promotion(whole, "Start production")
    wait_closed(whole, kill(run, modules=True))
    whole.wait("! pgrep -f '[r]eingest-watch.pyz'", 20)
    assert "active" not in whole.units().values()
    whole.inside("systemctl", "daemon-reload")
    assert whole.health()["status"] == "ok"


@pytest.mark.parametrize("task", ["Stop the servers", "Promote the snapshot"])
def test_a_machine_that_goes_down_in_the_window_brings_its_portal_back_when_it_boots(whole, task):
    run = promotion(whole, task)
    docker("kill", whole.name)
    kill(run, modules=True)
    assert window_open(whole)
    docker("start", whole.name)
    wait_closed(whole, seconds=2 * (WATCHDOG_S + GRACE_S))
    assert os.path.lexists(whole.volume / "prod")
