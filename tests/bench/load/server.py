"""The benchmark's PostgreSQL: one server with the settings of a load, for us and for everybody else."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from clusters import as_unprivileged, initialise, programs, unprivileged
from deployment import free_port

MAJOR = 16
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "archive_mode": "off",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "16GB",
    "maintenance_work_mem": "1GB",
    "shared_buffers": "256MB",
}


@dataclass(frozen=True)
class Server:
    """A running server; its superuser is ``postgres``, without a password."""

    root: Path
    binaries: Path
    port: int

    @property
    def data(self):
        return self.root / "data"

    def url(self, database="postgres"):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @contextlib.contextmanager
    def cursor(self, database="postgres"):
        """Give a cursor of a connection in autocommit."""
        connection = psycopg2.connect(self.url(database))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def rows(self, statement, database="postgres"):
        """Run one statement and return its rows, if it has any."""
        with self.cursor(database) as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def drop(self, database):
        self.rows(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def create(self, database, script=""):
        """Make a database anew."""
        self.drop(database)
        self.rows(f'CREATE DATABASE "{database}"')
        if script:
            self.rows(script, database)

    def checkpoint(self):
        self.rows("CHECKPOINT")

    def settle(self):
        """Leave nothing of the last case for the next one to write."""
        self.checkpoint()
        os.sync()

    @property
    def pid(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def version(self):
        return self.rows("SHOW server_version")[0][0]

    def settings(self):
        """Return the settings of a load as the server shows them."""
        return {name: self.rows(f"SHOW {name}")[0][0] for name in SETTINGS}

    def run(self, program, *arguments):
        command = [self.binaries / program, *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **as_unprivileged())


@contextlib.contextmanager
def bench_server():
    """Give a new server; it, its folder and what is in it are gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="reingest-bench-", dir="/var/tmp"))
    root.chmod(0o755)
    os.chown(root, unprivileged().pw_uid, unprivileged().pw_gid)
    try:
        server = Server(root, programs(MAJOR, root), free_port())
        initialise(server.binaries, server.data, "--wal-segsize=16", "--locale=C", "--encoding=UTF8")
        with (server.data / "postgresql.conf").open("a") as stream:
            stream.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        options = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        server.run("pg_ctl", "start", "-w", "-s", "-D", server.data, "-l", root / "server.log", "-o", options)
        try:
            yield server
        finally:
            server.run("pg_ctl", "stop", "-w", "-s", "-D", server.data, "-m", "immediate")
    finally:
        shutil.rmtree(root)
