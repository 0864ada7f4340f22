"""A PostgreSQL server of the driver's own, in which one load after the other is made; gone at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from clusters import as_unprivileged, programs, unprivileged
from deployment import free_port

_SETTINGS = (
    "listen_addresses='127.0.0.1'",
    "unix_socket_directories=''",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=60",
    "autovacuum=off",
)


@dataclass(frozen=True)
class Place:
    """The server, and a folder for the files of loads."""

    folder: Path
    port: int

    def dsn(self, database="postgres"):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def rows(self, query, database="portal"):
        """Run a statement and return its rows."""
        with closing(psycopg2.connect(self.dsn(database))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall() if cursor.description else []


@contextmanager
def server(major=16):
    """Give a place with a server that runs."""
    root = Path(tempfile.mkdtemp(prefix="reingest-files-", dir="/var/tmp"))
    try:
        root.chmod(0o755)
        os.chown(root, unprivileged().pw_uid, unprivileged().pw_gid)
        binaries, data, port = programs(major, root), root / "data", free_port()
        quiet = {"check": True, "cwd": "/", "stdout": subprocess.DEVNULL, **as_unprivileged()}
        made = ["--no-sync", "--username=postgres", "--auth=trust", "--locale=C", "--encoding=UTF8"]
        subprocess.run([binaries / "initdb", *made, "-D", data], **quiet)
        options = " ".join(f"-c {setting}" for setting in (f"port={port}", *_SETTINGS))
        control = [binaries / "pg_ctl", "-w", "-s", "-D", data]
        subprocess.run([*control, "start", "-l", root / "log", "-o", options], **quiet)
        try:
            work = root / "work"
            work.mkdir()
            yield Place(work, port)
        finally:
            subprocess.run([*control, "stop", "-m", "immediate"], **quiet)
    finally:
        shutil.rmtree(root, ignore_errors=True)
