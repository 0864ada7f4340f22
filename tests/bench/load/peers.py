"""The other tools on the same server: psql, pg_restore, pgcopydb, pgloader, and loaders with SQLAlchemy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from bench.load.context import Bench, Sample
from bench.load.measure import run
from bench.load.records import FIELDS, TABLE, schema

TOOLS = ("pgloader", "pgcopydb")
SOURCE = "source"  # the database with keys and indexes that is dumped and cloned
PEER = "peer"
_SQLALCHEMY = Path(__file__).with_name("sqlalchemy_load.py")


@dataclass(frozen=True)
class Peer:
    """One tool; it loads ``data``, ``small`` or ``sample``, in all rounds or in so many of them."""

    name: str
    run: Callable[[Bench], Sample]
    data: str = "data"
    rounds: int | None = None


def prepare(bench):
    """Install what is missing, make the database that is dumped and cloned, and dump it.

    Returns:
        by tool, why it cannot be had.
    """
    restorable(bench)
    return {tool: reason for tool in TOOLS if (reason := _missing(tool))}


def restorable(bench):
    """Make the database that is dumped and cloned, and dump it."""
    bench.server.create(SOURCE, schema(indexes=True))
    bench.server.rows(
        f"COPY {TABLE} FROM '{bench.server.root}/floor.csv' WITH (FORMAT csv, HEADER true)", SOURCE
    )
    bench.server.rows("VACUUM (FREEZE, ANALYZE)", SOURCE)
    dump = bench.server.root / "source.dump"
    command = [bench.server.binaries / "pg_dump", "-Fc", "-f", dump, bench.server.url(SOURCE)]
    subprocess.run(command, check=True)


def _missing(tool):
    if shutil.which(tool):
        return ""
    done = subprocess.run(
        ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", tool],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    return "" if shutil.which(tool) else (done.stdout.strip() or "nothing").splitlines()[-1]


def run_psql(bench):
    bench.server.create(PEER, schema(indexes=False))
    bench.server.settle()
    script = (
        "BEGIN;\n"
        f"TRUNCATE {TABLE};\n"
        f"\\copy {TABLE} FROM '{bench.data.file('csv')}' WITH (FORMAT csv, HEADER true, FREEZE true)\n"
        "COMMIT;\n"
    )
    command = [bench.server.binaries / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", bench.server.url(PEER)]
    _, cost = run(command, bench.server.pid, stdin=script)
    return Sample(cost.wall_s, cost)


def run_pg_restore(bench):
    bench.server.drop(PEER)
    bench.server.settle()
    began = time.monotonic()
    bench.server.create(PEER)
    command = [bench.server.binaries / "pg_restore", "-j2", "-d", bench.server.url(PEER)]
    _, cost = run([*command, bench.server.root / "source.dump"], bench.server.pid)
    bench.server.rows("ANALYZE", PEER)
    bench.server.checkpoint()
    return Sample(time.monotonic() - began, cost)


def run_pgcopydb(bench):
    folder = bench.server.root / "pgcopydb"
    shutil.rmtree(folder, ignore_errors=True)
    bench.server.drop(PEER)
    bench.server.settle()
    began = time.monotonic()
    bench.server.create(PEER)
    # Its split of one table over two connections (--split-tables-larger-than) needs an integer key.
    command = ["pgcopydb", "clone", "--source", bench.server.url(SOURCE), "--target", bench.server.url(PEER)]
    options = ["--dir", folder, "--table-jobs", "2", "--index-jobs", "2"]
    path = f"{bench.server.binaries}:{os.environ['PATH']}"  # it runs the server's own pg_dump and pg_restore
    _, cost = run([*command, *options], bench.server.pid, env={**os.environ, "PATH": path})
    bench.server.checkpoint()  # ANALYZE is among what it does
    return Sample(time.monotonic() - began, cost)


def run_pgloader(bench):
    bench.server.create(PEER, schema(indexes=False))
    bench.server.settle()
    fields = ", ".join(f"{name} [null if blanks]" for name in FIELDS)
    script = bench.server.root / "pgloader.load"
    script.write_text(
        f"LOAD CSV FROM '{bench.small.file('csv')}' WITH ENCODING utf-8 HAVING FIELDS ({fields})\n"
        f"INTO {bench.server.url(PEER)} TARGET TABLE {TABLE} TARGET COLUMNS ({', '.join(FIELDS)})\n"
        "WITH truncate, skip header = 1, fields optionally enclosed by '\"', fields escaped by double-quote,"
        " fields terminated by ',', workers = 2, concurrency = 1;\n"
    )
    command = ["pgloader", "--on-error-stop", "--root-dir", bench.server.root / "pgloader", script]
    _, cost = run(command, bench.server.pid)
    return Sample(cost.wall_s, cost)


def run_core(bench):
    return _run_sqlalchemy(bench, "core")


def run_orm(bench):
    return _run_sqlalchemy(bench, "orm")


def _run_sqlalchemy(bench, way):
    bench.server.create(PEER, schema(indexes=False))
    bench.server.settle()
    command = [sys.executable, _SQLALCHEMY, way, bench.sample.file("csv"), bench.server.url(PEER)]
    seconds, cost = run(command, bench.server.pid)
    return Sample(float(seconds), cost)


PEERS = (
    Peer("psql_copy", run_psql),
    Peer("pg_restore_2", run_pg_restore),
    Peer("pgcopydb", run_pgcopydb, rounds=2),
    Peer("pgloader", run_pgloader, data="small", rounds=1),
    Peer("sqlalchemy_core", run_core, data="sample", rounds=1),
    Peer("sqlalchemy_orm", run_orm, data="sample", rounds=1),
)
