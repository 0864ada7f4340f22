"""Two servers, a small portal's dataset, and a loader of a few lines that a test writes itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

DATASET = """
database: library
schema: schema.sql
tables:
  author: {owner: source}
  book: {owner: source}
  loan: {owner: portal}
checks:
  sql:
    - {name: books have authors, query: select count(*) from book where author is null, expect: 0}
"""
SCHEMA = """
CREATE TABLE author (id integer PRIMARY KEY, name text);
CREATE TABLE book (id integer PRIMARY KEY, author integer REFERENCES author, title text);
CREATE TABLE loan (book integer REFERENCES book);
"""
LOADER = """
import os, psycopg2, sys, time
connection = psycopg2.connect(os.environ["LIBRARY"])
with connection, connection.cursor() as cursor:
    cursor.execute("INSERT INTO author VALUES (1, 'Ada'), (2, 'Jane')")
    cursor.execute("INSERT INTO book SELECT n, 1 + n % 2, 'title ' || n FROM generate_series(1, 10) n")
print("loaded 10 of 10 books")
"""


@pytest.fixture(scope="session")
def staging(server_factory):
    return server_factory()


@pytest.fixture(scope="session")
def production(server_factory):
    return server_factory()


class Place:
    """The files of one portal and its loader; every part can be written anew."""

    def __init__(self, folder, staging):
        self.folder = folder
        self.work = folder / "work"
        self.dataset = folder / "dataset.yml"
        self.dataset.write_text(DATASET)
        (folder / "schema.sql").write_text(SCHEMA)
        self.script = folder / "loader.py"
        self.script.write_text(LOADER)
        self.dsn = staging.dsn("library")

    def adds(self, text):
        """Add to what the loader does in the end."""
        self.script.write_text(self.script.read_text() + text)

    @property
    def log(self):
        return (self.work / "run-1" / "loader.log").read_text()

    def command(self, **more):
        secrets = {"LIBRARY": self.dsn}
        return {"argv": [sys.executable, str(self.script)], "secrets": secrets, "timeout": 60, **more}


@pytest.fixture
def place(tmp_path, staging, production):
    """Return the portal's files; neither server has its database yet."""
    for server in (staging, production):
        server.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
    return Place(tmp_path, staging)


@pytest.fixture
def arguments(place, staging):
    """Return the module's arguments; the loader is left out."""
    return {
        "dataset": str(place.dataset),
        "release": "r1",
        "staging_dsn": staging.dsn(),
        "first": True,
        "work": str(place.work),
        "run": "run-1",
        "operator": "0000-0002-1825-0097",
    }


@pytest.fixture
def load(run_module, place, arguments):
    """Load by the command, unless the test says otherwise."""

    def run(**params):
        loader = {} if "job" in params else {"command": place.command()}
        return run_module("loader_run", **{**arguments, **loader, **params})

    return run


@pytest.fixture
def refusal(load):
    """Return the message of a load that must be refused."""

    def run(**params):
        result = load(**params)
        assert result.get("failed"), result
        return result["msg"]

    return run


def runs(process):
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def children(place):
    """Return the process ids that a loader wrote down; what a failed test leaves of them is ended."""
    file = place.folder / "children"

    def read():
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    yield read
    for process in filter(runs, read()):
        os.kill(process, 9)
