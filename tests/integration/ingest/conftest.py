"""Two servers and a small portal for the modules that load and verify."""

from __future__ import annotations

import pytest
from integration.ingest.killed import content
from integration.ingest.portal_dataset import Portal
from integration.ingest.sources_load import SourcesLoad

from plugins.module_utils.reingest.load.apply import apply_load
from plugins.module_utils.reingest.load.plan import plan_load
from plugins.module_utils.reingest.load.request import LoadRequest, Servers


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


@pytest.fixture
def loaded(tmp_path, staging):
    """Load files of table ``sample`` and return its rows, in order, and the way that was taken.

    ``behind`` is what the schema has beside the table, ``dsn`` another way to the server.
    """

    def load(files, *, streams, prove="content", more="", columns, behind="", dsn=""):
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        (tmp_path / "schema.sql").write_text(f"CREATE TABLE sample ({columns});\n{behind}")
        (tmp_path / "dataset.yml").write_text(
            "database: quick\nschema: schema.sql\ntables:\n  sample:\n    owner: source\n"
            f"    from: [{', '.join(files)}]\n{more}"
        )
        plan = plan_load(
            LoadRequest(
                tmp_path / "dataset.yml", Servers(staging.dsn(), production_required=False), force=True
            )
        )
        done = apply_load(
            plan,
            staging_dsn=dsn or staging.dsn(),
            run="r",
            operator="0000-0002-1825-0097",
            processes=streams,
            prove=prove,
        )
        rows = staging.rows("SELECT sample::text FROM sample ORDER BY id", "quick")
        count = done.tables["sample"]
        assert (count.loaded, count.read) == (len(rows), len(rows) + count.duplicates)
        return [row for (row,) in rows], done.ways["sample"]

    return load
