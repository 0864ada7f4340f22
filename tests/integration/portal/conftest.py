"""A PostgreSQL with a small release in it, and the portal over it."""

from __future__ import annotations

import importlib
import itertools
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[3] / "demo"
numbers = itertools.count()


@pytest.fixture(scope="package")
def server(server_factory):
    server = server_factory()
    server.rows("CREATE DATABASE release")
    for file in (DEMO / "schema.sql", Path(__file__).with_name("release.sql")):
        server.rows(file.read_text(), "release")
    return server


@pytest.fixture
def database(server):
    """Return the name of a database of the test's own that holds the release."""
    name = f"portal_{next(numbers)}"
    server.rows(f"CREATE DATABASE {name} TEMPLATE release")
    return name


@pytest.fixture
def client_of(server, monkeypatch):
    """Return ``make(database, **settings)``: a client of the application, which runs in this process."""
    monkeypatch.syspath_prepend(DEMO)
    engines = []

    def make(database, **settings):
        engine = importlib.import_module("portal.queries").connect(server.dsn(database))
        engines.append(engine)
        return importlib.import_module("portal.app").create_app(engine, **settings).test_client()

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def client(client_of, database):
    return client_of(database)
