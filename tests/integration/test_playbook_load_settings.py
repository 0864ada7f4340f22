"""Whole runs: settings for a load, what a failure leaves of them, and a machine that went down."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal

import psycopg2
import pytest
from deployment import RELEASE_2, ROOT, ingested_deployment
from tiers import full
from waiting import wait_for

from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.postgres.settings import LOAD_CONF

GIVE, TAKE = (
    "give the staging server its settings for the load",
    "take the staging server's settings for the load away",
)
START_OVER = "delete the load that the machine's end left incomplete, make a fresh ingest"

AGAIN = ["-e", f"reingest_sources={ROOT}/demo/data/{RELEASE_2}", "-e", "reingest_force=true"]


@pytest.fixture(scope="module")
def deployment():
    """Return a deployment with two releases; every test leaves a staging server that runs."""
    made = ingested_deployment()
    yield made
    made.clear()


@pytest.fixture(scope="module")
def broken(deployment):
    """Return a folder of sources of release 2 with a line in the largest file that is no JSON."""
    folder = deployment.home / "broken"
    shutil.copytree(ROOT / "demo/data" / RELEASE_2, folder)
    largest = folder / "biosample_set.jsonl.gz"
    last = gzip.decompress(largest.read_bytes()).splitlines()[-1]  # preflight reads the first and the last
    with largest.open("ab") as out:
        out.write(gzip.compress(b"{no json\n" + last + b"\n"))
    return folder


def show(deployment, which, name):
    port = deployment.environment["DEMO_STAGING_PORT" if which == "staging" else "DEMO_PRODUCTION_PORT"]
    dsn = f"postgresql://nmdc@127.0.0.1:{port}/postgres?passfile={deployment.home}/pgpass"
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SHOW {name}")
            return cursor.fetchone()[0]
    finally:
        connection.close()


def did(deployment):
    """Return the sentences of the newest run's load stage."""
    return next(stage["did"] for stage in deployment.report()["stages"] if stage["name"] == "load")


def planned(output):
    """Return the sentences of this file's concern in a run's output, in order."""
    found = [(output.find(text), text) for text in (START_OVER, GIVE, TAKE, "vacuum and sync the load")]
    return [text for at, text in sorted(found) if at >= 0]


@full
def test_production_has_nothing_of_them(deployment):
    code, dry = deployment.play("ingest.yml", *AGAIN, "--check")
    assert code == 0, dry
    code, output = deployment.play("ingest.yml", *AGAIN)
    assert code == 0, output
    assert planned(dry) == planned(output) == [GIVE, TAKE, "vacuum and sync the load"]
    assert did(deployment).count("restart db-ingest") == 2
    for name, value in (
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("wal_level", "replica"),
        ("autovacuum", "on"),
    ):
        assert show(deployment, "production", name) == value
    prod, fresh = deployment.volume / "prod", deployment.volume / "ingest"
    assert not (prod / LOAD_CONF).exists()
    # The fresh cluster is as initdb, the same one, leaves it.
    assert (prod / "postgresql.conf").read_bytes() == (fresh / "postgresql.conf").read_bytes()
    assert not (deployment.volume / ".reingest/unsynced.json").exists()
    loaded = [line for line in deployment.ledger() if line["state"] == "loaded"]
    record = loaded[-1]["detail"]["finalise"]
    assert record["settings"]["fsync"] == "on"
    assert record["started"]


@full
def test_an_unchanged_second_run_restarts_nothing(deployment):
    before = deployment.processes()
    code, output = deployment.ingest(RELEASE_2)
    assert code == 0, output
    assert "changed=0" in output
    assert deployment.processes() == before


@full
def test_a_load_that_fails_leaves_them_and_production_untouched_and_the_next_takes_them_away(
    deployment, broken
):
    live = (deployment.volume / "prod").readlink().name
    code, output = deployment.play("ingest.yml", "-e", f"reingest_sources={broken}")
    assert code != 0
    assert "biosample_set.jsonl.gz" in output
    assert (deployment.volume / "ingest" / LOAD_CONF).exists()
    assert show(deployment, "staging", "fsync") == "off"
    assert show(deployment, "staging", "wal_level") == "minimal"
    assert show(deployment, "production", "fsync") == "on"
    assert deployment.health()["release"] == RELEASE_2
    assert not deployment.locked()

    # What is left so cannot be promoted, and the live one can.
    code, output = deployment.play("playbooks/promote.yml")
    assert code != 0
    assert "run load.yml" in output
    assert (deployment.volume / "prod").readlink().name == live
    code, output = deployment.play("playbooks/promote.yml", "-e", f"reingest_snapshot={live}")
    assert code == 0, output

    staging = deployment.processes()["db-ingest"]
    code, output = deployment.play("playbooks/load.yml", *AGAIN)
    assert code == 0, output
    assert did(deployment).count("restart db-ingest") == 1
    assert GIVE not in did(deployment)
    assert deployment.processes()["db-ingest"] != staging
    assert show(deployment, "staging", "fsync") == "on"


@full
def test_a_server_that_is_killed_in_the_middle_is_loaded_by_the_next_run(deployment):
    run = deployment.start("playbooks/load.yml", *AGAIN)
    conf = deployment.volume / "ingest" / LOAD_CONF
    wait_for(conf.exists)
    old = deployment.processes()["db-ingest"]
    wait_for(lambda: deployment.processes().get("db-ingest", old) != old)  # restarted with them
    os.kill(deployment.processes()["db-ingest"], signal.SIGKILL)
    log, _ = run.communicate(timeout=120)
    assert run.returncode != 0, log
    assert conf.exists()
    identifier = read_control(deployment.volume / "ingest").system_identifier
    code, output = deployment.play("playbooks/load.yml", *AGAIN)
    assert code == 0, output
    assert START_OVER not in output  # the files are whole: only the server died
    assert read_control(deployment.volume / "ingest").system_identifier == identifier
    assert show(deployment, "staging", "fsync") == "on"


@full
@pytest.mark.parametrize("runs", [True, False])
def test_a_machine_that_went_down_under_a_load_makes_it_start_over(deployment, broken, runs):
    code, output = deployment.play("playbooks/load.yml", "-e", f"reingest_sources={broken}")
    assert code != 0
    mark = deployment.volume / ".reingest/unsynced.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "boot": "an earlier boot of this machine"}))
    identifier = read_control(deployment.volume / "ingest").system_identifier
    if not runs:  # else as a restart policy, which starts it when the machine is up again, leaves it
        os.kill(deployment.processes()["db-ingest"], signal.SIGKILL)
        wait_for(lambda: "db-ingest" not in deployment.processes())
        (deployment.volume / "ingest/global/pg_control").write_bytes(b"\0" * 8192)
    code, status = deployment.play("playbooks/status.yml")
    assert code == 0
    assert "the machine went down under a load" in status
    code, dry = deployment.play("playbooks/load.yml", "--check", *AGAIN)
    assert code == 0, dry
    code, output = deployment.play("playbooks/load.yml", *AGAIN)
    assert code == 0, output
    assert planned(dry) == planned(output) == [START_OVER, GIVE, TAKE, "vacuum and sync the load"]
    assert read_control(deployment.volume / "ingest").system_identifier != identifier
    assert list((deployment.volume / ".reingest/trash").iterdir()) == []
    assert show(deployment, "staging", "fsync") == "on"


@full
def test_without_them_a_load_restarts_nothing_but_takes_away_what_a_failed_one_left(deployment, broken):
    without = ["-e", "reingest_load_settings=false"]
    code, output = deployment.play("playbooks/load.yml", *AGAIN, *without)
    assert code == 0, output
    assert planned(output) == ["vacuum and sync the load"]
    assert "restart db-ingest" not in did(deployment)
    code, output = deployment.play("playbooks/load.yml", "-e", f"reingest_sources={broken}")
    assert code != 0
    code, output = deployment.ingest(RELEASE_2, "-e", "reingest_force=true", *without)
    assert code == 0, output
    assert planned(output) == [TAKE, "vacuum and sync the load"]
    assert show(deployment, "production", "fsync") == "on"
    assert not (deployment.volume / "prod" / LOAD_CONF).exists()
