"""A production and a staging server of their own: what a switch takes over is of the whole cluster."""

from __future__ import annotations

import pytest
from clusters import MAJORS
from integration.ingest.portal_dataset import Portal
from tiers import sample


@pytest.fixture(scope="module", params=sample(MAJORS, MAJORS[-1]))
def major(request):
    return request.param


@pytest.fixture(scope="module")
def staging(server_factory, major):
    return server_factory(major)


@pytest.fixture(scope="module")
def production(server_factory, major):
    return server_factory(major)


@pytest.fixture
def portal(tmp_path, staging, production):
    """Return the portal's files; production has its database, empty, and the staging server has none."""
    for server in (staging, production):
        server.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
    portal = Portal(tmp_path)
    production.rows("CREATE DATABASE library")
    return portal


@pytest.fixture
def load(run_module, portal, staging, production):
    """Load the small portal into staging, with production there."""

    def run(**params):
        given = {
            "dataset": str(portal.dataset),
            "staging_dsn": staging.dsn(),
            "production_dsn": production.dsn(),
            "run": "run-1",
            "operator": "0000-0002-1825-0097",
        }
        return run_module("ingest_load", **{**given, **params})

    return run


@pytest.fixture
def verify(run_module, portal, staging, production):
    """Verify that load."""

    def run(**params):
        given = {
            "dataset": str(portal.dataset),
            "staging_dsn": staging.dsn(),
            "production_dsn": production.dsn(),
        }
        return run_module("ingest_verify", **{**given, **params})

    return run
