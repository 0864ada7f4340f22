"""Databases whose tables are profiled."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from clusters import MAJORS
from tiers import sample

from plugins.module_utils.reingest.postgres.session import pinned_reading


@pytest.fixture(scope="module", params=sample(MAJORS, MAJORS[-1]))
def server(server_factory, request):
    return server_factory(request.param)


@pytest.fixture
def database(server):
    """Return ``make(*statements)``: makes the database anew, and returns a pinned session with it."""
    with ExitStack() as stack:

        def make(*statements, encoding="UTF8"):
            stack.pop_all().close()
            server.rows("DROP DATABASE IF EXISTS profiled WITH (FORCE)")
            locale = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
            server.rows(f"CREATE DATABASE profiled TEMPLATE template0 {locale}")
            server.rows("ALTER DATABASE profiled SET DateStyle = 'German'")
            for statement in statements:
                server.rows(statement, "profiled")
            return stack.enter_context(pinned_reading(server.dsn(), "profiled"))

        yield make
