"""A production with another database, which the load names: it is carried whole."""

from __future__ import annotations

import os

import pytest
from integration.carry.databases.cluster import SCHEMA, Cluster, quoted


@pytest.fixture(autouse=True)
def path_of_programs(servers, monkeypatch):
    """Have this host's programs be those of the servers."""
    monkeypatch.setenv("PATH", f"{servers[0].binaries}:{os.environ['PATH']}")


@pytest.fixture
def cluster(portal):
    made = Cluster(portal)
    portal.make(SCHEMA, {"download": "quarantine"})
    portal.live("INSERT INTO download (note) VALUES ('first')")
    yield made
    for server in (made.old, made.new):
        query = "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')"
        for (name,) in server.rows(query):
            server.rows(f"ALTER DATABASE {quoted(name)} IS_TEMPLATE false")
            server.rows(f"DROP DATABASE {quoted(name)} WITH (FORCE)")
        server.rows("DROP ROLE IF EXISTS clerk")


@pytest.fixture
def switched(cluster):
    """Return the two servers after a switch that carried database `jobs`."""
    cluster.make("jobs")
    cluster.portal.carry()
    return cluster
