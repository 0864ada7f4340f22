"""Whole ingests by the portal's own loader: a command of a few lines fills the demo portal's database."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from deployment import ROOT, make_deployment
from tiers import full

LOADER = """
import os, psycopg2, sys
connection = psycopg2.connect(os.environ["POSTGRES_URI"])
with connection, connection.cursor() as cursor:
    for number in range(1, 4):
        cursor.execute("INSERT INTO study (id, name, type, annotations) VALUES (%s, %s, 'study', '{}')",
                       (f"s{number}", f"Study {number} of {sys.argv[1]}"))
        print(f"loaded {number} of 3 studies")
"""
FAILS = "print('ERROR: the third study is lost')"


@pytest.fixture(scope="module")
def deployment():
    """Return one deployment for all tests of this file: they follow each other."""

    made = make_deployment()
    yield made
    made.clear()


@pytest.fixture(scope="module")
def loader(deployment):
    """Return the loader's script."""
    script = deployment.home / "loader.py"
    script.write_text(LOADER)
    return script


def ingest(deployment, loader, release, *arguments):
    """Ingest by the command, with a dataset of owners only: the demo's schema, no `from:`."""
    folder = loader.parent
    demo = yaml.safe_load((ROOT / "demo/dataset.yml").read_text())
    owners = {name: {"owner": table["owner"]} for name, table in demo["tables"].items()}
    for name in owners.keys() - {"study", "file_download"}:
        owners[name] = {"owner": "schema"}  # this loader brings studies only
    dataset = {"database": "nmdc", "schema": str(ROOT / "demo/schema.sql"), "tables": owners}
    (folder / "dataset.yml").write_text(yaml.safe_dump(dataset))
    variables = {
        "reingest_load_method": "command",
        "reingest_dataset": str(folder / "dataset.yml"),
        "reingest_release": release,
        "reingest_loader": {
            "command": {
                "argv": [sys.executable, str(loader), "{{ reingest_release }}"],
                "secrets": {"POSTGRES_URI": "{{ reingest_staging_dsn }}"},
                "timeout": 60,
            },
            "progress": [r"loaded \d+ of \d+"],
        },
    }
    return deployment.play("ingest.yml", "-e", json.dumps(variables), *arguments)


def logs(deployment):
    return [path.read_text() for path in sorted(Path(deployment.home / "work").glob("*/loader.log"))]


@full
def test_a_dry_run_plans_the_loader_and_makes_nothing(deployment, loader):
    code, output = ingest(deployment, loader, "own-1", "--check", "--diff")
    assert code == 0, output
    assert "load release own-1" in output
    assert logs(deployment) == []
    assert deployment.processes() == {}


def test_the_release_of_the_portals_own_loader_is_served(deployment, loader):
    code, output = ingest(deployment, loader, "own-1")
    assert code == 0, output
    health = deployment.health()
    assert health["release"] == "own-1"
    assert health["tables"]["study"] == 3
    assert logs(deployment) == ["".join(f"loaded {number} of 3 studies\n" for number in (1, 2, 3))]
    assert deployment.report()["tables"]["study"]["loaded"] == 3


@full
def test_a_second_run_of_the_same_release_changes_nothing(deployment, loader):
    before = deployment.processes()
    code, output = ingest(deployment, loader, "own-1")
    assert code == 0, output
    assert "changed=0" in output
    assert "changed=1" not in output
    assert deployment.processes() == before
    assert len(logs(deployment)) == 1


@full
def test_a_loader_that_fails_ends_the_run_and_production_serves_on(deployment, loader):
    loader.write_text(LOADER + FAILS)
    code, output = ingest(deployment, loader, "own-2")
    assert code != 0
    assert "line 4: ERROR: the third study is lost" in output
    assert deployment.health()["release"] == "own-1"
    assert deployment.report()["outcome"] == "failed"
    assert not deployment.locked()


@full
def test_the_next_run_starts_over_and_switches(deployment, loader):
    loader.write_text(LOADER)
    code, output = ingest(deployment, loader, "own-2")
    assert code == 0, output
    assert "the unfinished load" in output
    assert deployment.health()["release"] == "own-2"
    assert deployment.health()["tables"]["study"] == 3


@full
def test_a_run_without_a_release_is_refused_before_the_loader_runs(deployment, loader):
    before = len(logs(deployment))
    code, output = ingest(deployment, loader, "")
    assert code != 0
    assert "name the release" in output
    assert len(logs(deployment)) == before
