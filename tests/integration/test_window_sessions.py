"""A recovery ends what a dead run still has open on the servers, and nobody else's sessions."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from plugins.module_utils.reingest.engines.model import Health, Service
from plugins.module_utils.reingest.postgres.dsn import connect
from plugins.module_utils.reingest.window.ending import end_sessions

DEAD, ALIVE = "20261101T000000Z-dead", "20261102T000000Z-beef"


@pytest.fixture(scope="module")
def server(server_factory):
    return server_factory(16)


@pytest.fixture
def session(server):
    """Return ``session(application_name)``: an open session that has begun a transaction."""
    opened = []

    def make(name):
        made = connect(server.dsn(), application_name=name)
        opened.append(made)
        made.cursor().execute("SELECT 1")
        return made

    yield make
    for each in opened:
        each.close()


def service(name, dsn):
    return Service(name, kind="postgresql", health=Health(postgresql=dsn))


def works(session):
    try:
        with closing(session.cursor()) as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error:
        return False
    return True


def test_only_the_sessions_of_the_dead_run_end(server, session):
    dead = session(f"reingest {DEAD} load")
    others = [session(name) for name in (f"reingest {ALIVE} load", "reingest", "portal", "")]
    end_sessions([service("db-ingest", server.dsn())], DEAD)
    assert not works(dead)
    assert all(works(other) for other in others)


def test_a_server_that_is_down_or_has_no_login_keeps_no_other_from_being_asked(server, session):
    dead = session(f"reingest {DEAD} load")
    gone = service("db", "postgresql://postgres@127.0.0.1:1/postgres")
    end_sessions([gone, Service("backend"), service("db-ingest", server.dsn())], DEAD)
    assert not works(dead)
