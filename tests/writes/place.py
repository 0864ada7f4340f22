"""A portal on one volume, with real servers as plain processes: made once, and copied for every run.

Snapshot A serves, the finished load B waits in ``ingest/``. Both have the tables of the portal's users and a
source-owned one, of which each release has its own rows.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from clusters import as_unprivileged, copy_of, initialise, programs, unprivileged
from crash.module import Verb, release
from crash.volumes import A, B, put_load, records_of, remove_templates, serve, small_place
from deployment import ROOT, free_port
from waiting import wait_for

from plugins.module_utils.reingest.volume.layout import Volume

DATABASE = "portal"
OBJECTS = {A: (0, 40), B: (20, 60)}  # which objects a release has: some leave, some are new, some stay
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 8MB
max_connections = 60
log_min_messages = fatal
"""
_SCHEMA = """
CREATE TABLE object (id int PRIMARY KEY);
CREATE TABLE download (
    id bigserial PRIMARY KEY, object int NOT NULL REFERENCES object, key text NOT NULL, value int NOT NULL
);
CREATE INDEX ON download (key); -- not unique: a row that is there twice must be found
CREATE TABLE item (
    id bigserial PRIMARY KEY, download bigint NOT NULL REFERENCES download,
    key text NOT NULL, value int NOT NULL
);
CREATE INDEX ON item (key);
CREATE INDEX ON item (download);
CREATE TABLE event (key text NOT NULL, value int NOT NULL); -- without any key
CREATE INDEX ON event (key);
CREATE TABLE altered (key text NOT NULL, value int NOT NULL);
CREATE SCHEMA reingest;
CREATE TABLE reingest.load (
    snapshot text PRIMARY KEY, release text NOT NULL, digest text NOT NULL, run text NOT NULL,
    operator text NOT NULL, began timestamptz NOT NULL DEFAULT now(), finished timestamptz
);
CREATE TABLE reingest.load_table (name text PRIMARY KEY, owner text NOT NULL, orphans_policy text);
INSERT INTO reingest.load_table VALUES ('object', 'source', NULL), ('download', 'portal', 'quarantine'),
    ('item', 'portal', 'quarantine'), ('event', 'portal', 'quarantine'), ('altered', 'portal', 'quarantine');
CREATE ROLE clerk LOGIN;
ALTER ROLE clerk SET default_transaction_read_only = on;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clerk;
"""
_SERVER = """#!/bin/sh
# Become the server of a data directory; one that is empty gets a cluster, as an image's entrypoint makes one.
set -eu
[ -s "$1/PG_VERSION" ] || cp -a {empty}/. "$1"
exec {binaries}/postgres -D "$1" -p "$2"
"""
# A watchdog that is quick on an idle machine, and lets a run that lives come to its end on a busy one.
_WATCHDOG_S, _START_S, _STOP_S = 4, 60, 60


# Another database of production, which the load carries whole.
_JOBS = """
CREATE TABLE reingest.load_database (name text PRIMARY KEY, owner text NOT NULL);
INSERT INTO reingest.load_database VALUES ('jobs', 'portal');
"""


@dataclass(frozen=True)
class Templates:
    """What runs are copied of."""

    root: Path
    binaries: Path
    jobs: bool = False  # whether production has another database, which is carried whole

    def cluster(self, snapshot):
        return self.root / "clusters" / snapshot

    @property
    def volume(self):
        return self.root / "volume"

    def remove(self):
        remove_templates(self.root)


def make_templates(*, jobs=False):
    """Make the clusters and the volume; ``remove`` them.

    Args:
        jobs: whether production has a database `jobs`, too, which is carried whole.
    """
    for package in ("carry", "window", "services", "promotion", "postgres", "engines.process"):
        _import_all(package)
    root = Path(tempfile.mkdtemp(prefix="reingest-writes-", dir=small_place()))
    root.chmod(0o755)
    made = Templates(root, programs(16, root), jobs)
    account = unprivileged()
    for folder in (root / "clusters", made.volume / "ingest"):
        folder.mkdir(parents=True)
        os.chown(folder, account.pw_uid, account.pw_gid)
    (made.volume / "ingest").chmod(0o700)
    for snapshot in (A, B):
        initialise(made.binaries, made.cluster(snapshot))
        with (made.cluster(snapshot) / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_SETTINGS)
        _fill(made, snapshot, jobs=jobs)
    initialise(made.binaries, made.cluster("empty"))
    server = root / "server"
    server.write_text(_SERVER.format(empty=made.cluster("empty"), binaries=made.binaries))
    server.chmod(0o755)
    serve(made, Volume(made.volume), A)
    put_load(made, Volume(made.volume), B)
    return made


@contextmanager
def programs_in_path(templates):
    """Have this host's programs be those of the servers: modules run pg_dump."""
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{templates.binaries}:{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _import_all(package):
    """Import what modules import when they need it, so that each child of this process has it."""
    whole = importlib.import_module(f"plugins.module_utils.reingest.{package}")
    for found in pkgutil.iter_modules(whole.__path__, f"{whole.__name__}."):
        importlib.import_module(found.name)


def _fill(made, snapshot, *, jobs):
    port, data = free_port(), made.cluster(snapshot)
    server = subprocess.Popen(
        [made.binaries / "postgres", "-D", data, "-p", str(port)],
        cwd="/",
        stderr=subprocess.DEVNULL,
        **as_unprivileged(),
    )
    try:
        wait_for(lambda: _answers(port), "the server answers")
        with closing(_connect(port, "postgres")) as session, session.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {DATABASE}")
            if jobs and snapshot == A:
                cursor.execute("CREATE DATABASE jobs")
            # For smaller copies; pg_restore needs template0.
            for database in ("template1",) if jobs else ("template0", "template1"):
                cursor.execute("UPDATE pg_database SET datistemplate = false WHERE datname = %s", (database,))
                cursor.execute(f"DROP DATABASE {database}")
        with closing(_connect(port, DATABASE)) as session, session.cursor() as cursor:
            cursor.execute(_SCHEMA + (_JOBS if jobs else ""))
            first, end = OBJECTS[snapshot]
            cursor.execute("INSERT INTO object SELECT generate_series(%s, %s)", (first, end - 1))
            cursor.execute(
                "INSERT INTO reingest.load VALUES (%s, %s, 'digest', 'run', 'operator', now(), now())",
                (snapshot, f"r{snapshot[:8]}"),
            )
        if jobs and snapshot == A:
            with closing(_connect(port, "jobs")) as session, session.cursor() as cursor:
                cursor.execute("CREATE TABLE job (key text NOT NULL, value int NOT NULL)")
                cursor.execute("CREATE INDEX ON job (key)")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def _answers(port):
    try:
        _connect(port, "postgres").close()
    except psycopg2.OperationalError:
        return False
    return True


def _connect(port, database):
    connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname=database)
    connection.autocommit = True
    return connection


class Place:
    """One copy, with its servers running; ``remove`` it."""

    def __init__(self, templates, folder, *, portal=False):
        self.templates, self.folder = templates, folder
        self.orphans = []  # modules whose controller was killed
        self.volume = folder / "volume"
        folder.mkdir(exist_ok=True)
        copy_of(templates.volume, self.volume)
        self.production_port, self.staging_port, self.portal_port = (free_port() for _ in range(3))
        self.production = [self._server("db", "prod", self.production_port, linked=True)]
        self.staging = [self._server("db-ingest", "ingest", self.staging_port)]
        self.writers = [self._portal()] if portal else []
        self.poolers = []  # those that hold the clients of writers, as an inventory has them

    def _server(self, name, data, port, *, linked=False):
        place = str(self.volume / data)
        return {
            "name": name,
            "kind": "postgresql",
            "data": place,
            "linked": linked,
            "command": [str(self.templates.root / "server"), place, str(port)],
            "user": unprivileged().pw_name,
            "health": {"postgresql": self.dsn(port, "postgres")},
        }

    def _portal(self):
        return {
            "name": "portal",
            "command": [
                sys.executable,
                str(ROOT / "tests/writes/portal.py"),
                str(self.portal_port),
                self.dsn(),
            ],
            "health": {"tcp": f"127.0.0.1:{self.portal_port}"},
            "waits_for_database": True,
        }

    def dsn(self, port=None, database=DATABASE):
        return f"postgresql://postgres@127.0.0.1:{port or self.production_port}/{database}"

    @property
    def records(self):
        return records_of(self.volume)

    @property
    def services(self):
        return [*self.production, *self.staging, *self.writers]

    @property
    def live(self):
        return Volume(self.volume).live()

    @property
    def load_waits(self):
        """Whether the load is in ``ingest/`` still."""
        return not Volume(self.volume).snapshot(B).exists()

    def verb(self, module, run, **params):
        """Return a call of a module, with what every one is told here."""
        context = {
            "exclusive": True,
            "start_timeout": _START_S,
            "stop_timeout": _STOP_S,
            "watchdog": _WATCHDOG_S,
        }
        return Verb(module, run, {**context, **params})

    def step(self):
        """Return which step of a call of several works, or worked last; empty: none did."""
        with suppress(FileNotFoundError, ValueError):
            return json.loads((self.records / "window.lease").read_text()).get("step", "")
        return ""

    def group(self, run, services, state, **params):
        return self.verb("service_group", run, services=services, state=state, **params)

    def start(self):
        for step in (self.group("start", self.services, "started"), release("start")):
            answer = step.call(self.volume)
            if not answer.succeeded:
                raise AssertionError(f"{step.module}: {answer.text}")

    def process(self, name):
        """Return the process of a service, or of the watchdog; 0 when it does not run."""
        from plugins.module_utils.reingest.engines.model import service_from
        from plugins.module_utils.reingest.engines.registry import engine_of
        from plugins.module_utils.reingest.window.lease import watchdog_process

        if name == "watchdog":
            found = watchdog_process(self.records) if self.records.is_dir() else None
            return 0 if found is None else found.pid
        service = service_from({**self.production[0], "name": name})
        return next(iter(engine_of("process", self.records).processes(service)), 0)

    def log(self):
        """Return what a person would read after something went wrong."""
        found = []
        for path in sorted(self.records.glob("*.log")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            found += [f"{path.name}: {line}" for line in lines]
        return found

    def remove(self):
        """End what runs, not in order: nobody needs the files any more; then delete all."""
        for name in ("watchdog", *(service["name"] for service in self.services)):
            pid = self.process(name)
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGQUIT if name.startswith("db") else signal.SIGKILL)
        codes = [path.with_suffix(".code") for path in self.records.glob("*.process")]
        # Each service has a keeper, which writes this last.
        wait_for(lambda: all(code.exists() for code in codes), "the services ended")
        shutil.rmtree(self.folder)
