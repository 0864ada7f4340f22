"""A whole deployment on this machine for the tests: the demo's inventory with a home and ports of its own."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from waiting import wait_for

from plugins.module_utils.reingest.engines.model import service_from
from plugins.module_utils.reingest.engines.process.engine import ProcessEngine
from plugins.module_utils.reingest.services.group import apply_group, plan_group

ROOT = Path(__file__).parents[2]
RELEASE_1 = "r1_2020-07-28"
RELEASE_2 = "r2_2021-02-01"
PLAYBOOK = ROOT / ".venv/bin/ansible-playbook"


@dataclass(frozen=True)
class Deployment:
    """Servers as plain processes, below ``home``; nothing is ingested at first."""

    home: Path
    environment: dict
    portal: str
    inventory: str = "inventories/demo"

    @property
    def volume(self):
        return self.home / "volume"

    def start(self, playbook, *arguments, inventory="", **environment):
        """Start a run and return its process."""
        return subprocess.Popen(
            [PLAYBOOK, playbook, "-i", str(inventory or self.inventory), *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def play(self, playbook, *arguments, inventory="", **environment):
        """Make a run and return its exit code and its output, with wrapped lines joined."""
        process = self.start(playbook, *arguments, inventory=inventory, **environment)
        output, _ = process.communicate(timeout=300)
        return process.returncode, " ".join(output.split())

    def ingest(self, release, *arguments, **environment):
        return self.play(
            "ingest.yml", "-e", f"reingest_sources={ROOT}/demo/data/{release}", *arguments, **environment
        )

    def health(self):
        with urllib.request.urlopen(self.portal + "/health", timeout=5) as reply:
            return json.loads(reply.read())

    def download(self):
        """Press the first download button that a study's page has, as a user of the portal."""
        for page in re.findall(r'href="(/stud[^"]+)"', self._page("/")):
            for button in re.findall(r'action="(/[^"]*download[^"]*)"', self._page(page)):
                pressed = urllib.request.Request(self.portal + button, method="POST", data=b"")
                urllib.request.urlopen(pressed, timeout=5).close()
                return
        raise AssertionError("no study has a data object to download")

    def _page(self, path):
        with urllib.request.urlopen(self.portal + path, timeout=5) as reply:
            return reply.read().decode()

    def ledger(self):
        path = self.volume / ".reingest/ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def locked(self):
        return (self.volume / ".reingest/claim.json").exists()

    def lease(self):
        """Return the last sign of life of a window, which has the step that works."""
        return (self.home / "work/services/window.lease").read_text()

    def report(self):
        newest = max((self.volume / ".reingest/runs").iterdir(), key=lambda path: path.stat().st_mtime)
        return json.loads((newest / "report.json").read_text())

    def processes(self):
        """Return the process ids of the services that run, by name."""
        found = {}
        for path in (self.home / "work/services").glob("*.process"):
            process = int(path.read_text().split()[0])
            if Path(f"/proc/{process}").exists():
                found[path.stem] = process
        return found

    def services(self, state):
        """Bring the services into a state, ``started`` or ``stopped``, as an operator does."""
        code, output = self.play("demo/services.yml", "-e", f"demo_state={state}")
        assert code == 0, output

    def start_services(self):
        """Start the services as ``services("started")`` does, without what a run of Ansible takes."""
        engine = ProcessEngine(self.home / "work/services")
        plan = plan_group(engine, self._all_services(), "started")
        apply_group(engine, plan, stop_timeout=60, start_timeout=60, exclusive=True)

    def _all_services(self):
        """Return the services as the demo's inventory describes them."""
        server, found = str(self.home / "server"), []
        for name, folder, linked in (("db", "prod", True), ("db-ingest", "ingest", False)):
            port = self.environment[f"DEMO_{'PRODUCTION' if linked else 'STAGING'}_PORT"]
            data, health = str(self.volume / folder), {"postgresql": self.dsn(port)}
            found.append(
                {
                    "name": name,
                    "kind": "postgresql",
                    "data": data,
                    "linked": linked,
                    "command": [server, data, port],
                    "user": "nobody",
                    "health": health if linked else {**health, "database": "postgres"},
                }
            )
        portal = {
            "name": "backend",
            "command": [str(ROOT / ".venv/bin/python"), "-m", "portal"],
            "directory": str(ROOT / "demo"),
            "environment": {
                "PORTAL_DSN": self.dsn(self.environment["DEMO_PRODUCTION_PORT"]),
                "PORTAL_PORT": self.environment["DEMO_PORTAL_PORT"],
            },
            "health": {"http": f"{self.portal}/health"},
        }
        return [service_from(one) for one in (*found, portal)]

    def dsn(self, port, database="nmdc"):
        """Return the connection string that the demo's inventory has for a server."""
        return f"postgresql://nmdc@127.0.0.1:{port}/{database}?passfile={self.home}/pgpass"

    def snapshots(self):
        """Return the names of the snapshots on the volume, the oldest first."""
        folder = self.volume / "staging"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def clear(self):
        """End what runs, not in order: nobody needs the servers' files any more; then delete all."""
        ran = self.processes()
        for number in (signal.SIGQUIT, signal.SIGTERM):  # a server's quickest end, and anything else's
            for process in self.processes().values():
                with suppress(ProcessLookupError):
                    os.kill(process, number)
        # Each service has a keeper, which writes the exit code after the end.
        codes = [self.home / f"work/services/{name}.code" for name in ran]
        wait_for(lambda: all(code.exists() for code in codes), "the services ended", seconds=30)
        # The prober of a run that was killed goes on for a while, and writes.
        for process in _named(self.home):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_for(lambda: not _named(self.home), "the rest ended", seconds=30)
        shutil.rmtree(self.home)


def _named(home):
    """Return the processes whose command lines name a folder; not this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if os.fsencode(home) in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def make_deployment():
    """Return a new deployment, on ports that nobody listens on."""
    made = _deployment(Path(tempfile.mkdtemp(prefix="reingest-test-", dir="/var/tmp")))
    subprocess.run([ROOT / "demo/prepare"], check=True, env=made.environment, stdout=subprocess.DEVNULL)
    return made


def ingested_deployment(*, started=True):
    """Return a deployment with both releases on its volume, the second one live: a copy of a template.

    The first test of a session that asks for one makes the template, and others wait until it is there.
    """
    template = Path(os.environ["REINGEST_TEST_TEMPLATE"])
    with template.with_suffix(".lock").open("w") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        if not template.exists():
            _make_template(template)
    home = Path(tempfile.mkdtemp(prefix="reingest-test-", dir="/var/tmp"))
    subprocess.run(["cp", "-a", "--reflink=auto", f"{template}/.", home], check=True)
    made = _deployment(home)
    if started:
        made.start_services()
    return made


def _make_template(template):
    """Ingest both releases, stop the servers, and leave what has neither ports nor paths of its own in it."""
    made = make_deployment()
    try:
        for release in (RELEASE_1, RELEASE_2):
            code, output = made.ingest(release)
            assert code == 0, output
        made.services("stopped")
        for path in (made.home / "work/services").iterdir():
            path.unlink()  # process ids, logs
        made.home.rename(template)
    except BaseException:
        made.clear()
        raise


def _deployment(home):
    home.chmod(0o755)
    ports = [free_port() for _ in range(3)]
    environment = {
        **os.environ,
        "REINGEST_DEMO_HOME": str(home),
        "DEMO_PRODUCTION_PORT": str(ports[0]),
        "DEMO_STAGING_PORT": str(ports[1]),
        "DEMO_PORTAL_PORT": str(ports[2]),
        "ANSIBLE_NOCOLOR": "1",
    }
    return Deployment(home, environment, f"http://127.0.0.1:{ports[2]}")


def demo_inventory(folder, hosts):
    """Copy the demo's inventory below a folder, with another hosts.yml; return its path."""
    copy = folder / "inventory"
    shutil.copytree(ROOT / "inventories/demo", copy)
    (copy / "hosts.yml").write_text(hosts)
    variables = copy / "group_vars/all.yml"
    text = variables.read_text().replace("(inventory_dir ~ '/../..')", f"'{ROOT}'")
    variables.write_text(text)
    return copy


def broken_portal(deployment, release):
    """Return the arguments that make the portal report itself unhealthy with a release."""
    services = {
        "backend": {
            "environment": {
                "PORTAL_DSN": "{{ reingest_production_dsn }}",
                "PORTAL_PORT": deployment.environment["DEMO_PORTAL_PORT"],
                "PORTAL_BROKEN_RELEASE": release,
            },
            "command": ["{{ ansible_playbook_python }}", "-m", "portal"],
            "directory": "{{ demo_repository }}/demo",
            "health": {"http": "{{ reingest_portal_url }}"},
        },
        "db": {
            "command": ["{{ demo_home }}/server", "{{ reingest_volume }}/prod", "{{ demo_production_port }}"],
            "user": "{{ demo_account }}",
        },
        "db-ingest": {
            "command": ["{{ demo_home }}/server", "{{ reingest_volume }}/ingest", "{{ demo_staging_port }}"],
            "user": "{{ demo_account }}",
        },
    }
    return ["-e", json.dumps({"reingest_services": services, "reingest_start_timeout": 5})]
