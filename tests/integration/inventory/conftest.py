"""Databases to be read, compared and carried into."""

from __future__ import annotations

from contextlib import closing

import pytest
from clusters import MAJORS
from tiers import sample

ROLES = ("reader", "writer")


@pytest.fixture(scope="module", params=sample(MAJORS, MAJORS[-1]))
def major(request):
    return request.param


@pytest.fixture(scope="module")
def server(server_factory, major):
    """Return a server with the roles that rights are given to."""
    server = server_factory(major)
    for role in ROLES:
        server.rows(f"CREATE ROLE {role}")
    return server


@pytest.fixture
def database(server):
    """Return ``make(name, *statements)``: makes a database anew, and returns a connection to it."""
    opened = []

    def make(name, *statements):
        server.rows(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.rows(f'CREATE DATABASE "{name}" TEMPLATE template0')
        for statement in statements:
            server.rows(statement, name)
        connection = server.connect(name)
        connection.autocommit = False
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        with closing(connection):
            connection.rollback()
