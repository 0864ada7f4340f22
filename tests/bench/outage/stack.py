"""The demo in containers, twice: one that this project switches, one that scripts and tasks do."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.outage.watched import wait_good

ROOT = Path(__file__).parents[3]
OBJECT = "emsl:output_359123"  # of release 1
FILL = """
TRUNCATE file_download;
INSERT INTO file_download (data_object_id, downloaded_at, client)
SELECT object.id, now() - n * interval '1 second', 'Mozilla/5.0 (X11; Linux x86_64) portal/' || n % 50
FROM generate_series(1, {rows}) n
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM data_object) object
  ON object.place = n % (SELECT count(*) FROM data_object)
"""


@dataclass(frozen=True, eq=False)
class Stack:
    """Three containers, their volume, and how they are reached."""

    name: str
    home: Path
    psql: Path
    ports: tuple[int, int, int]  # db, db-ingest, portal

    @property
    def volume(self) -> Path:
        return self.home / "volume"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def work(self) -> Path:
        return self.state / "work"

    @property
    def prefix(self) -> str:
        """What the containers' names begin with; two benchmarks may run on one machine."""
        return f"outage-{os.getpid()}-{self.name}-"

    @property
    def db(self) -> str:
        return f"{self.prefix}db"

    @property
    def ingest(self) -> str:
        return f"{self.db}-ingest"

    @property
    def backend(self) -> str:
        return f"{self.prefix}backend"

    @property
    def containers(self) -> tuple[str, str, str]:
        return self.backend, self.db, self.ingest

    @property
    def health(self) -> str:
        return f"http://127.0.0.1:{self.ports[2]}/health"

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.ports[2]}/data-object/{OBJECT}"

    @property
    def live(self) -> str:
        return self._login(self.ports[0])

    @property
    def new(self) -> str:
        return self._login(self.ports[1])

    @property
    def environment(self) -> dict[str, str]:
        """What demo/docker and inventories/docker read, and the scripts here."""
        return {
            **os.environ,
            "REINGEST_DOCKER_PREFIX": self.prefix,
            "REINGEST_DOCKER_VOLUME": str(self.volume),
            "REINGEST_DOCKER_STATE": str(self.state),
            **dict(
                zip(
                    (f"REINGEST_DOCKER_{one}_PORT" for one in ("DB", "INGEST", "PORTAL")),
                    map(str, self.ports),
                )
            ),
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "PYTHONUNBUFFERED": "1",
            "DB": self.db,
            "INGEST": self.ingest,
            "BACKEND": self.backend,
            "VOLUME": str(self.volume),
            "PSQL": str(self.psql),
            "LIVE": self.live,
            "NEW": self.new,
        }

    def up(self, **more: str) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        run(ROOT / "demo/docker/up", env={**self.environment, **more})

    def down(self) -> None:
        self.resume()
        subprocess.run([ROOT / "demo/docker/down", "--volume"], env=self.environment, check=False)

    def pause(self) -> None:
        """Freeze the containers: their health checks, one a second, would take processor time."""
        for name in self.containers:
            if status(name) == "running":
                run("docker", "pause", name)

    def resume(self) -> None:
        for name in self.containers:
            if status(name) == "paused":
                run("docker", "unpause", name)

    def sql(self, login: str, statement: str) -> str:
        return run(self.psql, "-XqtA", "-v", "ON_ERROR_STOP=1", "-d", login, "-c", statement)

    def open(self, login: str) -> None:
        """Let everybody into the database again, which was fenced when its rows were carried away."""
        self.sql(login.replace("/nmdc?", "/postgres?"), "ALTER DATABASE nmdc ALLOW_CONNECTIONS true")
        self.wait_login(login)

    def wait_login(self, login: str) -> None:
        deadline = time.monotonic() + 60
        while subprocess.run(
            [self.psql, "-Xqt", "-d", login, "-c", "SELECT 1"], capture_output=True
        ).returncode:
            assert time.monotonic() < deadline, f"no login at {login}"
            time.sleep(0.05)

    def fill(self, rows: int) -> None:
        """Give production so many rows of its users."""
        self.wait_login(self.live)
        if int(self.sql(self.live, "SELECT count(*) FROM file_download")) != rows:
            self.sql(self.live, FILL.format(rows=rows) if rows else "TRUNCATE file_download")
            assert int(self.sql(self.live, "SELECT count(*) FROM file_download")) == rows
        wait_good(self.health)
        wait_good(self.page)

    def _login(self, port: int) -> str:
        return f"postgresql://postgres@127.0.0.1:{port}/nmdc?passfile={self.state}/pgpass"


def free_ports(count: int) -> list[int]:
    """Return free ports that no client gets: who asks a closed one of those may be connected with itself."""
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 1_000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no ports are free")


def status(container: str) -> str:
    return ask("docker", "inspect", "--format", "{{.State.Status}}", container)


def run(*command, env=None, cwd=None) -> str:
    """Run a command; tell all it said where it fails."""
    done = subprocess.run(
        [str(one) for one in command],
        env=env,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))} failed:\n{done.stdout}"
    return done.stdout.strip()


def ask(*command) -> str:
    """Return what a command says; nothing where it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
