"""Restart the Docker engine at each step of a switch, with each restart policy, on a host of its own.

Each time the run may end red, but then the portal must be back within the watchdog's time with nobody's help:
one whole release, served by containers that have the restart policy which they had before, and the next
promotion must end as if nothing had happened.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import traceback
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from controller import WATCHDOG_S, rest, run_to_step
from crash.trial import Outcome
from deployment import PLAYBOOK, RELEASE_1, RELEASE_2, ROOT

NAME = "engine restarted at a step of a switch"
POLICIES = ("no", "on-failure", "unless-stopped", "always")
TASKS = (
    "Open the window",
    "Stop the writers",
    "Stop the servers",
    "Promote the snapshot",
    "Start production",
    "Start the writers",
    "Prove that the portal serves the release",
    "Start what else should run, and close the window",
)
BACK_S = WATCHDOG_S + 90  # the watchdog tries again while the engine comes up; on a busy machine
CONTAINERS = ("db", "db-ingest", "backend")
IMAGES = {
    "postgres": "reingest-demo-postgres",
    "portal": "reingest-demo-portal",
    "host": "reingest-test-host",
}
_CREATE = """
set -e
install -d -m 755 /srv/pg /srv/portal; install -d -m 700 -o 999 -g 999 /srv/pg/ingest
umask 077; install -d /etc/reingest; echo '*:*:*:postgres:only-for-tests' > /etc/reingest/pgpass
for each in 'db prod 5432' 'db-ingest ingest 5433'; do set -- $each
    docker create --name "$1" --network host --volume /srv/pg:/srv/pg --env POSTGRES_DB=nmdc \
        --env POSTGRES_PASSWORD=only-for-tests --env "PGDATA=/srv/pg/$2" \
        reingest-demo-postgres postgres -c "port=$3" > /dev/null
done
docker create --name backend --network host \
    --env PORTAL_DSN=postgresql://postgres:only-for-tests@127.0.0.1:5432/nmdc reingest-demo-portal > /dev/null
"""
_RESTART = """
kill "$(cat /run/docker.pid)"
while [ -e /run/docker.pid ]; do sleep 0.05; done
dockerd >> /var/log/dockerd.log 2>&1 < /dev/null &
until docker version > /dev/null 2>&1; do sleep 0.1; done
"""
_HEALTH = "http://127.0.0.1:8080/health"
_VARIABLES = {
    "ansible_python_interpreter": "/usr/bin/python3",
    "reingest_engine": "docker",
    "reingest_work": "/var/lib/reingest",
    "reingest_dataset": "/srv/portal/dataset.yml",
    "reingest_volume": "/srv/pg",
    "reingest_production_service": "db",
    "reingest_staging_service": "db-ingest",
    "reingest_backend_services": ["backend"],
    "reingest_production_dsn": "postgresql://postgres@127.0.0.1:5432/nmdc?passfile=/etc/reingest/pgpass",
    "reingest_staging_dsn": "postgresql://postgres@127.0.0.1:5433/nmdc?passfile=/etc/reingest/pgpass",
    "reingest_portal_url": _HEALTH,
    "reingest_services": {"backend": {"health": {"http": _HEALTH}}},
    "reingest_operators": ["0000-0002-1825-0097"],
    "reingest_operator": "0000-0002-1825-0097",
    "reingest_min_free": "200M",
    "reingest_watchdog": WATCHDOG_S,
}


@dataclass(frozen=True)
class Host:
    """A container with a Docker engine of its own, which holds all three parts of a portal."""

    name: str
    state: Path

    def inside(self, script, *, check=True):
        """Run a shell script on the host and return what it prints."""
        done = subprocess.run(
            ["docker", "exec", "--interactive", self.name, "/bin/sh"],
            input=script,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 or not check, f"{script}: {done.stderr}"
        return done.stdout.strip()

    def start(self, playbook, *arguments):
        return subprocess.Popen(
            [PLAYBOOK, playbook, "-i", self.state / "inventory", *arguments],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def play(self, playbook, *arguments):
        run = self.start(playbook, *arguments)
        output, _ = run.communicate(timeout=600)
        return run.returncode, " ".join(output.split())

    def lease(self):
        """Return the last sign of life of a window, which has the step that works."""
        return self.inside("cat /var/lib/reingest/services/window.lease", check=False)

    def portal(self):
        """Return what the portal says of itself; None when it does not answer."""
        ask = f"print(u.urlopen('{_HEALTH}', timeout=3).read().decode())"
        text = self.inside(f'python3 -c "import urllib.request as u; {ask}"', check=False)
        return json.loads(text) if text.startswith("{") else None

    def containers(self):
        """Return whether each container runs, and its restart policy."""
        form = "{{.Name}} {{.State.Running}} {{.HostConfig.RestartPolicy.Name}}"
        lines = self.inside(f"docker inspect --format '{form}' {' '.join(CONTAINERS)}").splitlines()
        return {
            name.lstrip("/"): (running == "true", policy) for name, running, policy in map(str.split, lines)
        }

    def live(self):
        return self.inside("basename $(readlink /srv/pg/prod)")

    def snapshots(self):
        """Return the release of each snapshot."""
        lines = map(json.loads, self.inside("cat /srv/pg/.reingest/ledger.jsonl").splitlines())
        return {line["snapshot"]: line["detail"]["release"] for line in lines if line["state"] == "loaded"}

    def open(self):
        return self.inside("ls /var/lib/reingest/services/window.json", check=False) != ""


def missing():
    """Return why no engine can be restarted here; empty: it can."""
    answer = shutil.which("docker") and subprocess.run(["docker", "version"], capture_output=True).returncode
    return "" if answer == 0 else "there is no Docker engine that answers"


def made():
    """Make the host, with nothing on it."""
    for image, tag in IMAGES.items():
        if not subprocess.run(["docker", "images", "-q", tag], capture_output=True, check=True).stdout:
            subprocess.run([ROOT / "demo/images/build", image], check=True, stdout=subprocess.DEVNULL)
    state = Path(tempfile.mkdtemp(prefix="reingest-engine-", dir="/var/tmp"))
    host = Host(state.name, state)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", state / "key"], check=True)
    rights = ["--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE"]
    rights += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    key = (state / "key.pub").read_text()
    subprocess.run(
        [
            "docker",
            "run",
            "--detach",
            "--init",
            "--name",
            host.name,
            *rights,
            "--volume",
            "/var/lib/docker",
            "--volume",
            "/srv/pg",
            "--env",
            f"AUTHORIZED_KEY={key}",
            IMAGES["host"],
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return host


def furnish(host):
    """Make the portal on the host, and ingest both releases."""
    state = host.state
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = subprocess.run(
        ["docker", "inspect", "--format", form, host.name], check=True, capture_output=True, text=True
    ).stdout.strip()
    deadline = time.monotonic() + 60
    while not host.inside("docker version > /dev/null && pgrep -x sshd", check=False):
        assert time.monotonic() < deadline, "the host's engine does not come up"
        time.sleep(0.2)
    for tag in (IMAGES["postgres"], IMAGES["portal"]):
        saved = subprocess.Popen(["docker", "save", tag], stdout=subprocess.PIPE)
        load = ["docker", "exec", "--interactive", host.name, "docker", "load"]
        subprocess.run(load, stdin=saved.stdout, check=True, stdout=subprocess.DEVNULL)
        assert saved.wait() == 0
    host.inside(_CREATE)
    packed = subprocess.run(
        ["tar", "-C", ROOT / "demo", "-c", "dataset.yml", "schema.sql", "study_counts.sql", "data"],
        check=True,
        capture_output=True,
    ).stdout
    unpack = [
        "docker",
        "exec",
        "--interactive",
        host.name,
        "tar",
        "-C",
        "/srv/portal",
        "-x",
        "--no-same-owner",
    ]
    subprocess.run(unpack, input=packed, check=True)
    inventory = state / "inventory"
    (inventory / "group_vars").mkdir(parents=True)
    groups = {group: {"hosts": {"machine": {}}} for group in ("worker", "db", "backend")}
    (inventory / "hosts.yml").write_text(json.dumps(groups))
    reached = {
        "ansible_host": address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(state / "key"),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={state}/known -o StrictHostKeyChecking=accept-new",
    }
    (inventory / "group_vars/all.yml").write_text(json.dumps({**_VARIABLES, **reached}))
    for release in (RELEASE_1, RELEASE_2):
        code, output = host.play("ingest.yml", "-e", f"reingest_sources=/srv/portal/data/{release}")
        assert code == 0, output[-3000:]


def down(host):
    subprocess.run(["docker", "rm", "--force", "--volumes", host.name], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(host.state)


def one(host, policy, task):
    """Restart the engine as a task of a promotion begins; return what was seen."""
    releases, before = host.snapshots(), host.live()
    new = next(name for name in releases if name != before)
    for name in CONTAINERS:
        host.inside(f"docker update --restart {policy} {name}")
    run = run_to_step(
        host, "playbooks/promote.yml", task, "-e", f"reingest_snapshot={new} reingest_force=true"
    )
    host.inside(_RESTART)
    code, output = rest(run)
    began = time.monotonic()
    wanted = dict.fromkeys(CONTAINERS, (True, policy))
    while not (host.portal() and not host.open() and host.containers() == wanted):
        seen = f"{host.containers()}, window open: {host.open()}, exit code {code}: {output[-1500:]}"
        if task == TASKS[-1] and policy in ("no", "on-failure") and not host.open():
            # The window is closed: what has no policy stays down when the engine restarts.
            code_recover, output = host.play("playbooks/recover.yml")
            assert code_recover == 0, output[-3000:]
        log = host.inside("tail -n 20 /var/lib/reingest/services/watchdog.log", check=False)
        assert time.monotonic() - began < BACK_S, f"{seen}\n{log}"
        time.sleep(0.3)
    back = time.monotonic() - began
    live = host.live()
    assert host.portal()["release"] == releases[live]
    target = next(name for name in releases if name != live)
    code_after, output = host.play(
        "playbooks/promote.yml", "-e", f"reingest_snapshot={target} reingest_force=true"
    )
    assert code_after == 0, output[-3000:]
    assert host.portal()["release"] == releases[target]
    assert host.containers() == wanted, host.containers()
    ended, where = "ended" if code == 0 else "red", "new" if live == new else "old"
    return f"run {ended}, back after {back:4.1f} s on the {where} one"


def outcomes(every):
    """Try each ``every``-th step of all policies, and tell what became of it."""
    host = made()
    try:
        furnish(host)
        for policy, task in list(product(POLICIES, TASKS))[::every]:
            try:
                told = one(host, policy, task)
            except Exception:  # noqa: BLE001 - whatever it is, this restart did not hold
                yield Outcome(NAME, policy, task, (traceback.format_exc()[-4000:],))
                host.play("playbooks/recover.yml")
                continue
            yield Outcome(NAME, policy, f"{task}: {told}", ())
    finally:
        down(host)
