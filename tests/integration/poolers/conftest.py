"""A production that is reached by real PgBouncers."""

from __future__ import annotations

from pathlib import Path

import pytest
from bouncer import bouncer_factory  # noqa: F401 - a fixture

from plugins.module_utils.reingest.poolers.hold import Patience
from plugins.module_utils.reingest.poolers.model import poolers_from

WEB, WEB_PASSWORD = "web", "of-the-portal"
QUICK = Patience(drain=0.3, end=3, answer=3)


@pytest.fixture(scope="module")
def production(server_factory):
    """Return a server with the portal's database and its user."""
    server = server_factory()
    server.rows(f"CREATE ROLE {WEB} LOGIN PASSWORD '{WEB_PASSWORD}'")
    server.rows("CREATE DATABASE portal")
    return server


@pytest.fixture
def bouncer(production, bouncer_factory):  # noqa: F811
    """Return ``bouncer(**settings)``: a PgBouncer in front of production."""

    def make(databases=None, **settings):
        line = f"host=127.0.0.1 port={production.port} dbname=portal"
        return bouncer_factory(databases or {"portal": line}, {WEB: WEB_PASSWORD}, **settings)

    return make


def poolers(*raw):
    return poolers_from(raw, environment={}, home=Path("/nonexistent"))
