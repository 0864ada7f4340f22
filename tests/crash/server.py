"""A real PostgreSQL on a data directory, for as long as one question takes."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from clusters import as_unprivileged

PATIENCE = 60


class NotServedError(Exception):
    """The server does not start, or does not answer."""


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs, and a short path for its socket."""

    binaries: Path
    sockets: Path

    @contextlib.contextmanager
    def running(self, data):
        """Start a server on a data directory and give a connection; stop it in order.

        Raises:
            NotServedError: it does not start.
        """
        with tempfile.TemporaryDirectory(dir=self.sockets) as folder, tempfile.TemporaryFile() as log:
            Path(folder).chmod(0o777)
            settings = {
                "listen_addresses": "",
                "unix_socket_directories": folder,
                "shared_buffers": "1MB",
                "max_connections": "5",
                "autovacuum": "off",
            }
            options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            server = subprocess.Popen(
                [self.binaries / "postgres", "-D", data, *options],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **as_unprivileged(),
            )
            try:
                connection = _connect(server, folder, log)
                try:
                    yield connection
                finally:
                    connection.close()
            finally:
                server.send_signal(signal.SIGINT)
                server.wait(PATIENCE)

    def release(self, data):
        """Return the name of the release that is served from a data directory, and sums over its rows."""
        with self.running(data) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select name, count(*), sum(n)::int, sum(length(filling))::int from release group by 1"
            )
            found = cursor.fetchall()
        if len(found) != 1:
            raise NotServedError(f"{len(found)} releases are served from {data}")
        name, *sums = found[0]
        return name, tuple(sums)

    def fill(self, data, name, rows):
        """Put a release into a cluster that was made with ``initialise``."""
        with self.running(data) as connection, connection.cursor() as cursor:
            for database in ("template0", "template1"):  # for smaller copies
                cursor.execute("update pg_database set datistemplate = false where datname = %s", [database])
                cursor.execute(f"drop database {database}")
            cursor.execute("create table release (name text, n int, filling text)")
            cursor.execute(
                "insert into release select %s, n, repeat(%s, 100) from generate_series(1, %s) n",
                [name, name, rows],
            )


def _connect(server, folder, log):
    deadline = time.monotonic() + PATIENCE
    while (connection := _connection(folder)) is None:
        if server.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            raise NotServedError(log.read().decode(errors="replace"))
        time.sleep(0.005)
    connection.autocommit = True
    return connection


def _connection(folder):
    """Return a connection; None while the server does not take one."""
    try:
        return psycopg2.connect(host=folder, user="postgres", dbname="postgres")
    except psycopg2.OperationalError:
        return None
