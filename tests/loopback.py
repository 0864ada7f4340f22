"""A whole service on loopback, with playbooks that print and sleep in place of Ansible's."""

from __future__ import annotations

import stat
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
import uvicorn
from deployment import free_port
from waiting import wait_for

from service.app import make_app
from service.settings import Settings

ADA, BEN, EVE = "0000-0002-1825-0097", "0000-0001-5109-3700", "0000-0002-1694-233X"
ROLES = f"# role {ADA} promoter\n# role {BEN} loader\n"

# Stands in for ansible-playbook where the handling of processes is the subject: says what it got, does what
# the file `do` beside it says, and answers for status.yml.
PLAYBOOK = """#!{python}
import json, os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parent
kind = pathlib.Path(sys.argv[1]).stem
if kind == "status":
    print((here / "status.json").read_text())
    sys.exit(0)
def told(event, **more):
    with open(os.environ["REINGEST_JOB_FOLDER"] + "/events.jsonl", "a") as file:
        file.write(json.dumps({{"event": event, **more}}) + "\\n")
print("argv", json.dumps(sys.argv[1:]), flush=True)
(here / "ran").open("a").write(kind + "\\n")
if kind in ("stop", "recover"):
    sys.exit(int((here / f"{{kind}}.code").read_text()) if (here / f"{{kind}}.code").exists() else 0)
told("run", run="20261123T114500Z-4711")
todo = json.loads((here / "do").read_text()) if (here / "do").exists() else {{}}
for line in todo.get("lines", []):
    print(line, flush=True)
if todo.get("window"):
    told("stage", window=True, at="now")
if todo.get("report"):
    pathlib.Path(os.environ["REINGEST_JOB_FOLDER"], "report.json").write_text(json.dumps(todo["report"]))
try:
    while todo.get("waits") and not (here / "go").exists():
        time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(99)
if todo.get("failure"):
    told("result", outcome="failed", host="db", task="x", message=todo["failure"])
sys.exit(todo.get("code", 0))
"""


@dataclass
class Service:
    """A service that runs in this process, and what is around it."""

    settings: Settings
    here: Path  # the folder of the stand-in
    app: object = None
    server: object = None
    thread: object = None
    clients: list = field(default_factory=list)

    @property
    def parts(self):
        return self.app.state.parts

    def start(self):
        self.app = make_app(self.settings)
        config = uvicorn.Config(
            self.app,
            host="127.0.0.1",
            port=self.settings.port,
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        wait_for(lambda: self.server.started, "the service", seconds=20)
        return self

    def stop(self):
        for client in self.clients:
            client.close()
        self.server.should_exit = True
        self.thread.join(20)

    def client(self, token=""):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.clients.append(httpx2.Client(base_url=self.settings.url, headers=headers, timeout=120))
        return self.clients[-1]

    def by_token(self, person=ADA, name="", scopes=None, days=1):
        """Return a client with a token of a person, with all scopes unless said otherwise."""
        from service.__main__ import SCOPES

        value = self.parts.tokens.make(
            name or f"t{time.monotonic_ns()}", person, SCOPES if scopes is None else scopes, days
        )
        return self.client(value)

    def by_session(self, person=ADA):
        """Return a client with a session of a person, and the session's token against forgery."""
        value = self.parts.sessions.begin(person, "https://orcid.org", "2026-11-23T11:45:00+00:00")
        client = self.client()
        client.cookies.set("reingest", value)
        return client, self.parts.sessions.find(value).csrf

    def ended(self, job):
        """Wait until a job has ended; return it."""

        def over():
            found = self.parts.jobs.find(job)
            return None if found.active else found

        return wait_for(over, f"job {job} ended", seconds=30)

    def ran(self):
        path = self.here / "ran"
        return path.read_text().split() if path.exists() else []


@pytest.fixture
def service_of(tmp_path):
    """Return ``make(**settings)``: a service with a folder of its own, started; stopped after the test."""
    made = []

    def make(**more):
        port = free_port()
        here = tmp_path / "playbook"
        here.mkdir(exist_ok=True)
        program = here / "ansible-playbook"
        program.write_text(PLAYBOOK.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (here / "status.json").write_text(
            '{"volume": {"live": "", "lock": null, "snapshots": []}, "failures": []}'
        )
        people, secret = tmp_path / "people", tmp_path / "secret"
        if not people.exists():
            people.write_text(ROLES)
        secret.write_text("not-a-real-secret")
        secret.chmod(0o600)
        values = {
            "name": "demo",
            "url": f"http://127.0.0.1:{port}",
            "port": port,
            "state": tmp_path / "state",
            "inventory": tmp_path / "inventory",
            "people": people,
            "ansible_playbook": program,
            "demo": True,
            "oidc": {"issuer": "http://127.0.0.1:9", "client_id": "us", "client_secret_file": secret},
            **more,
        }
        made.append(Service(Settings(**values), here).start())
        return made[-1]

    yield make
    for one in made:
        (one.here / "go").touch()
        one.stop()


@pytest.fixture
def service(service_of):
    """Return a service."""
    return service_of()
