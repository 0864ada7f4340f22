"""A load that is interrupted, looked at from another terminal, and ended by the next run."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psycopg2
import pytest
from deployment import make_deployment
from tiers import full
from waiting import wait_for

from plugins.module_utils.reingest.host.processes import started_at

DATASET = """
database: nmdc
schema: schema.sql
release: held
tables:
  study: {owner: source, from: study.csv}
"""
SCHEMA = """
CREATE TABLE study (id text PRIMARY KEY);
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'gate') LOOP
        PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
    END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER held BEFORE INSERT ON study FOR EACH ROW EXECUTE FUNCTION wait();
"""


@pytest.fixture
def deployment():
    made = make_deployment()
    (made.home / "dataset.yml").write_text(DATASET)
    (made.home / "schema.sql").write_text(SCHEMA)
    (made.home / "study.csv").write_text("id\ns1\ns2\n")
    yield made
    made.clear()


def held(deployment):
    """Return the state of the load that is in the middle of its table."""

    def running():
        for path in Path(deployment.home / "work").glob("*/progress.json"):
            state = json.loads(path.read_text())
            if state["state"] == "running" and [one["state"] for one in state["tables"]] == ["loading"]:
                return state
        return None

    return wait_for(running, "a load is in its table", seconds=120)


@full
def test_an_interrupted_load_goes_on_is_shown_by_status_and_is_ended_by_the_next_run(deployment):
    dataset = ("-e", f"reingest_dataset={deployment.home}/dataset.yml")
    jobs = str(deployment.home / "jobs")
    first = deployment.start("playbooks/load.yml", *dataset, ANSIBLE_ASYNC_DIR=jobs)
    state = held(deployment)
    os.killpg(first.pid, signal.SIGINT)
    first.communicate(timeout=60)
    assert started_at(state["process"]) == state["process_started"]

    code, output = deployment.play("playbooks/status.yml")
    assert code == 0, output
    assert f"load of run {state['run']} by 0000-0002-1825-0097" in output
    assert "under way" in output
    assert "study [" in output

    second = deployment.start("playbooks/load.yml", *dataset, ANSIBLE_ASYNC_DIR=jobs)
    assert held_by_another(deployment, state)
    port = deployment.environment["DEMO_STAGING_PORT"]
    passfile = deployment.home / "pgpass"
    gate = psycopg2.connect(
        f"postgresql://nmdc@127.0.0.1:{port}/postgres?passfile={passfile}", application_name="gate"
    )
    output = " ".join(second.communicate(timeout=120)[0].split())
    gate.close()
    assert second.returncode == 0, output
    assert f"end the load of run {state['run']}, which no run waits for" in output
    assert started_at(state["process"]) is None


def held_by_another(deployment, state):
    return wait_for(lambda: held(deployment)["run"] != state["run"], "the next run loads", seconds=120)
