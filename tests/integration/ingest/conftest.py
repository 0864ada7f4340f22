"""Two servers and a small portal for the modules that load and verify."""

from __future__ import annotations

import pytest
from integration.ingest.killed import content
from integration.ingest.portal_dataset import Portal
from integration.ingest.sources_load import SourcesLoad


@pytest.fixture(scope="session")
def staging(server_factory):
    return server_factory()


@pytest.fixture(scope="session")
def production(server_factory):
    return server_factory()


@pytest.fixture
def portal(tmp_path, staging, production):
    """Return the portal's files; neither server has its database yet."""
    for server in (staging, production):
        server.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
    # Those of other tests: a switch would leave them behind, which is a finding.
    others = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
    for (name,) in production.rows(others):
        production.rows(f'DROP DATABASE "{name}" WITH (FORCE)')
    return Portal(tmp_path)


@pytest.fixture
def load(run_module, portal, staging):
    """Load the small portal into staging; production is left out unless it is named."""

    def run(**params):
        given = {
            "dataset": str(portal.dataset),
            "staging_dsn": staging.dsn(),
            "run": "run-1",
            "operator": "0000-0002-1825-0097",
        }
        return run_module("ingest_load", **{"first": True, **given, **params})

    return run


@pytest.fixture
def refusal(load):
    """Return the message of a load that must be refused."""

    def run(**params):
        result = load(**params)
        assert result.get("failed"), result
        return result["msg"]

    return run


@pytest.fixture(scope="module")
def sources(tmp_path_factory, staging):
    """Load files into tables of a database of their own; all the examples of a property share it."""
    return SourcesLoad(tmp_path_factory.mktemp("sources"), staging)


@pytest.fixture
def resume(load, portal):
    """Load after a load that ended early, as another run; returns the result."""

    def run(**params):
        result = load(**{"run": "run-2", "work": str(portal.folder / "work"), **params})
        assert result.get("changed"), result.get("msg")
        return result

    return run


@pytest.fixture
def as_fresh(resume, staging):
    """Assert that the database is what a load of the same from the beginning makes."""

    def check():
        found = content(staging)
        assert resume(run="run-3", force=True)["kept"] == {}
        assert found == content(staging)

    return check
