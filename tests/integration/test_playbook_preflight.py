"""Before anything is loaded a run finds all that is wrong; a rollback needs nothing that a load needs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import closing

import psycopg2
import pytest
from controller import snapshots
from deployment import RELEASE_1, RELEASE_2, ROOT, ingested_deployment
from tiers import full
from waiting import wait_for


@pytest.fixture(scope="module")
def site():
    """Return a deployment with two releases, the second one live; every test leaves it so."""
    made = ingested_deployment()
    yield made
    made.clear()


@pytest.fixture
def fresh():
    """Return the same for one test alone."""
    made = ingested_deployment()
    yield made
    made.clear()


def variables(**values):
    return ["-e", json.dumps(values)]


def visitor(site):
    """Return the login of a role of production that may read nothing."""
    port = site.environment["DEMO_PRODUCTION_PORT"]
    owner = f"postgresql://nmdc@127.0.0.1:{port}/nmdc?passfile={site.home}/pgpass"
    with closing(psycopg2.connect(owner)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'visitor'")
        if cursor.fetchone() is None:
            cursor.execute("CREATE ROLE visitor LOGIN PASSWORD 'correct-horse'")
    return f"postgresql://visitor:correct-horse@127.0.0.1:{port}/nmdc"


def cut_sources(tmp_path):
    """Return a copy of release 1's sources, of which one file was cut short and one is missing."""
    folder = tmp_path / "cut"
    shutil.copytree(ROOT / "demo/data" / RELEASE_1, folder)
    study = folder / "study_set.jsonl.gz"
    study.write_bytes(study.read_bytes()[:-100])
    return folder


def test_everything_that_is_wrong_is_found_on_all_hosts_before_the_load(site, tmp_path):
    before, ledger = site.processes(), site.ledger()
    code, output = site.play(
        "ingest.yml",
        *variables(
            reingest_sources=str(cut_sources(tmp_path)),
            reingest_portal_url=f"{site.portal}/healthz",
            reingest_backend_dsn=visitor(site),
            reingest_min_free="900T",
        ),
    )
    assert code != 0
    for finding in (
        "study_set.jsonl.gz is truncated: ",
        "the next load needs 900.0 TiB",
        "/healthz answers 404",
        "or accept it: -e reingest_accept=portal",
        "or accept it: -e reingest_accept=health:backend",
        "role visitor may read no source-owned table with rows",
        "or accept it: -e reingest_accept=login",
    ):
        assert finding in output, output
        told = 2 if finding.startswith("/healthz") else 1  # by the service and by the portal
        assert output.count(finding) == told, output
    assert "5 findings, nothing was changed for the run yet" in output
    assert "correct-horse" not in output
    assert "TASK [dataportal.reingest.load : Load]" not in output
    assert (site.processes(), site.ledger(), site.locked()) == (before, ledger, False)


@full
def test_what_the_run_may_be_about_to_put_right_is_accepted_by_its_name(site):
    wrong = variables(reingest_portal_url=f"{site.portal}/health", reingest_portal_release_key="version")
    code, output = site.ingest(RELEASE_2, *wrong, "--check")
    assert code != 0
    assert f"answers version None, expected '{RELEASE_2}'" in output
    code, output = site.ingest(RELEASE_2, *wrong, "-e", "reingest_accept=portal")
    assert code == 0, output
    assert "accepted: portal: the portal does not prove what it serves now" in output


@full
def test_a_rollback_needs_no_staging_server_and_no_sources(fresh):
    os.kill(fresh.processes()["db-ingest"], signal.SIGKILL)
    wait_for(lambda: "db-ingest" not in fresh.processes())
    services = {
        "db": {
            "command": ["{{ demo_home }}/server", "{{ reingest_volume }}/prod", "{{ demo_production_port }}"],
            "user": "{{ demo_account }}",
        },
        "db-ingest": {"command": ["/no/such/server"]},
        "backend": {
            "command": ["{{ ansible_playbook_python }}", "-m", "portal"],
            "directory": "{{ demo_repository }}/demo",
            "environment": {
                "PORTAL_DSN": "{{ reingest_production_dsn }}",
                "PORTAL_PORT": fresh.environment["DEMO_PORTAL_PORT"],
            },
            "health": {"http": "{{ reingest_portal_url }}"},
        },
    }
    broken = variables(
        reingest_services=services, reingest_sources="/nowhere", reingest_dataset="/nowhere/dataset.yml"
    )
    code, output = fresh.play("playbooks/rollback.yml", *broken)
    assert code == 0, output
    assert fresh.health()["release"] == RELEASE_1
    assert "db-ingest" not in fresh.processes()


@full
def test_a_promotion_of_an_earlier_snapshot_needs_no_staging_server(fresh):
    os.kill(fresh.processes()["db-ingest"], signal.SIGKILL)
    wait_for(lambda: "db-ingest" not in fresh.processes())
    earlier = next(name for name, release in snapshots(fresh).items() if release == RELEASE_1)
    code, output = fresh.play("playbooks/promote.yml", "-e", f"reingest_snapshot={earlier}")
    assert code == 0, output
    assert fresh.health()["release"] == RELEASE_1
    assert "db-ingest" not in fresh.processes()
