"""Real PostgreSQL servers for the tests, by ``server_factory``; all are gone at the end of the session."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from clusters import as_unprivileged, need_major, programs, unprivileged
from containers import BASE, POSTGRES, docker, need_image
from deployment import free_port
from psycopg2.extensions import make_dsn

PASSWORD = "only-for-tests"
ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items):
    """Begin with whole runs: `make test` gives each process a file after the other, and ends with short ones.

    Those that begin with an empty deployment come before those that wait until the template is made.
    """
    items.sort(key=lambda item: _begins_with(vars(item.module)))


def _begins_with(names):
    return next(
        (at for at, kind in enumerate(("make_deployment", "ingested_deployment")) if kind in names), 2
    )


@dataclass(frozen=True)
class Server:
    """One server to ``start`` and ``stop``; its superuser is ``postgres``."""

    binaries: Path
    data: Path
    port: int
    account: dict
    fsync: str = "off"

    def dsn(self, database="postgres"):
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def connect(self, database="postgres"):
        """Return a connection in autocommit; close it."""
        connection = psycopg2.connect(make_dsn(self.dsn(), dbname=database))
        connection.autocommit = True
        return connection

    def rows(self, query, database="postgres", **values):
        """Run one statement on a connection of its own and return its rows."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def run(self, program, *arguments):
        subprocess.run(
            [self.binaries / program, *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            **self.account,
        )

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        options += f" -c fsync={self.fsync}"
        log = self.data.with_suffix(".log")
        self.run("pg_ctl", "start", "-w", "-s", "-D", self.data, "-l", log, "-o", options)

    def stop(self, mode="fast"):
        self.run("pg_ctl", "stop", "-w", "-s", "-D", self.data, "-m", mode)

    @property
    def running(self):
        return (self.data / "postmaster.pid").exists()


@pytest.fixture(scope="session")
def server_factory():
    """Return ``make(major=16, fsync="off")``, which initialises and starts a server: a ``Server``.

    A test of a major that is not installed is not run, which is a failure where CI is set.
    PostgreSQL refuses root: there it runs under ``nobody``, with a copy of the binaries for that account.
    """
    root = Path(tempfile.mkdtemp(prefix="reingest-test-", dir="/var/tmp"))
    made: list[Server] = []
    root.chmod(0o755)
    os.chown(root, unprivileged().pw_uid, unprivileged().pw_gid)

    def make(major=16, fsync="off"):
        need_major(major)
        data = root / f"server-{len(made)}"
        server = Server(programs(major, root), data, free_port(), as_unprivileged(), fsync)
        password = root / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        options = [
            "--username=postgres",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--locale=C",
            "--encoding=UTF8",
        ]
        server.run("initdb", "--no-sync", *options, "-D", server.data)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        if server.running:
            server.stop("immediate")
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def docker_engine():
    """Fail in CI, and say so elsewhere, when there is no Docker engine to test with."""
    reachable = (
        shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
    )
    if reachable:
        need_image(BASE, "postgres")
        return
    if os.environ.get("CI"):
        pytest.fail("there is no Docker engine here, and CI is set")
    pytest.skip("no Docker engine is reachable: not run")


@pytest.fixture(scope="session")
def postgres(docker_engine):
    """Return the name of the demo's PostgreSQL image."""
    need_image(POSTGRES, "postgres")
    return POSTGRES


@pytest.fixture
def images():
    """Return a list of images to remove, once the containers that use them are gone."""
    made = []
    yield made
    for name in made:
        docker("rmi", "-f", name, check=False)


@pytest.fixture
def container(docker_engine, images):
    """Return ``make(script, *options, name=, image=)``: creates and starts a container, returns its name."""
    made = []

    def make(script="sleep 600", *options, name="", image=BASE, start=True):
        name = f"reingest-test-{uuid.uuid4().hex[:8]}-{name or 'one'}"
        command = ["sh", "-c", script] if script else []
        docker("create", "--name", name, *options, image, *command)
        made.append(name)
        if start:
            docker("start", name)
        return name

    yield make
    for name in made:
        docker("rm", "-f", "-v", name, check=False)


@pytest.fixture(scope="module")
def templates():
    """Return what small portals are copied of, whose servers are switched module by module."""
    from writes.place import make_templates  # here: few tests need it

    made = make_templates()
    yield made
    made.remove()


@pytest.fixture
def place(templates):
    """Return such a portal, which runs."""
    from writes.place import Place

    made = Place(templates, templates.root / "copy")
    made.start()
    yield made
    made.remove()
