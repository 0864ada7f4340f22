"""Whole switches of a portal whose address names no release: the backend's own login proves them."""

from __future__ import annotations

import json
import re
from contextlib import closing

import psycopg2
import pytest
from controller import other, served
from deployment import RELEASE_1, RELEASE_2, ingested_deployment
from tiers import full

from plugins.module_utils.reingest.load.provenance import TableCount, begin_record, finish_record

PROMOTE = "playbooks/promote.yml"
PASSWORD = "correct-horse-battery"
PROOF = "Prove that the portal serves the release on demo"


@pytest.fixture(scope="module")
def site():
    """Return a deployment with two releases; roles of the second one's cluster may do less and less."""
    made = ingested_deployment()
    execute(made, f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
    execute(made, "GRANT SELECT ON study TO reader")
    execute(made, f"CREATE ROLE visitor LOGIN PASSWORD '{PASSWORD}'")
    execute(made, f"CREATE ROLE locked NOLOGIN PASSWORD '{PASSWORD}'")
    yield made
    made.clear()


def execute(deployment, statement):
    port = deployment.environment["DEMO_PRODUCTION_PORT"]
    dsn = f"postgresql://nmdc@127.0.0.1:{port}/nmdc?passfile={deployment.home}/pgpass"
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()


def variables(**values):
    """Return the arguments of a run whose portal names no release; its login need not read what is live."""
    given = {"reingest_portal_url": "", "reingest_start_timeout": 20, "reingest_accept": "login", **values}
    return ["-e", json.dumps(given)]


def login(deployment, role, host="127.0.0.1", port=0):
    port = port or deployment.environment["DEMO_PRODUCTION_PORT"]
    return f"postgresql://{role}:{PASSWORD}@{host}:{port}/nmdc"


def did(deployment):
    return [did for stage in deployment.report()["stages"] for did in stage["did"]]


@full
def test_a_login_that_reads_the_new_snapshot_ends_a_switch(site):
    a_rollback_is_proven_by_the_id_of_the_snapshot_that_it_goes_back_to(site)
    a_role_that_reads_passes_at_another_address_which_is_told_and_no_password_is(site)


@full
def test_what_does_not_read_the_new_snapshot_goes_back(site, server_factory):
    a_rollback_is_proven_by_the_id_of_the_snapshot_that_it_goes_back_to(site)
    a_role_that_may_not_log_in_goes_back(site)
    a_role_that_may_not_read_goes_back(site)
    a_server_that_holds_the_old_snapshot_goes_back(site, server_factory)
    an_accepted_gap_is_warned_of_in_the_report(site)


def a_rollback_is_proven_by_the_id_of_the_snapshot_that_it_goes_back_to(site):
    code, output = site.play("playbooks/rollback.yml", *variables())
    assert code == 0, output
    assert served(site).release == RELEASE_1
    assert f"prove that the backend's own login reads {served(site).snapshot}" in did(site)


def went_back(site, reason, **values):
    """Promote the other snapshot, which fails for a reason; the one that was live serves again."""
    before, new = served(site), other(site)
    code, output = site.play(
        PROMOTE, "-e", f"reingest_snapshot={new} reingest_force=true", *variables(**values)
    )
    assert code != 0
    assert f"the switch failed in {PROOF} (the backend's own login does not read {new}" in output
    assert reason in output
    assert "the old production serves again" in output
    assert PASSWORD not in output
    assert served(site) == before
    last, measured = site.ledger()[-2:]
    assert (last["state"], last["snapshot"], measured["state"]) == ("bad", new, "measured")


def a_role_that_may_not_log_in_goes_back(site):
    went_back(site, "is not permitted to log in", reingest_backend_dsn=login(site, "locked"))


def a_role_that_may_not_read_goes_back(site):
    went_back(site, "may read no source-owned table", reingest_backend_dsn=login(site, "visitor"))


def a_server_that_holds_the_old_snapshot_goes_back(site, server_factory):
    stale = server_factory()
    stale.rows(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
    stale.rows("CREATE DATABASE nmdc")
    stale.rows("CREATE TABLE study AS SELECT 1 AS id", "nmdc")
    old = served(site).snapshot
    with closing(psycopg2.connect(stale.dsn("nmdc"))) as connection:
        begin_record(connection, snapshot=old, release="r", digest="d", run="run", operator="somebody")
        finish_record(connection, {"study": TableCount("source", 1, 1, 0, 0)}, [])
        connection.commit()
    reason = f"the database that answers holds {old}"
    went_back(site, reason, reingest_backend_dsn=login(site, "reader", port=stale.port))
    stale.stop()


def a_role_that_reads_passes_at_another_address_which_is_told_and_no_password_is(site):
    new, port = other(site), int(site.environment["DEMO_PRODUCTION_PORT"])
    elsewhere = {"reingest_backend_host": "127.0.0.1", "reingest_backend_port": port}
    given = {"reingest_backend_dsn": "", "reingest_backend_dsn_env": "PORTAL_DSN", **elsewhere}
    log = site.home / "ansible.log"
    code, output = site.play(
        PROMOTE,
        "-vvv",
        "--diff",
        *("-e", f"reingest_snapshot={new} reingest_force=true", *variables(**given)),
        PORTAL_DSN=login(site, "reader", host="db.inside", port=5432).replace("sql:", "sql+psycopg2:"),
        ANSIBLE_LOG_PATH=str(log),
    )
    assert code == 0, output
    assert served(site).release == RELEASE_2
    told = did(site)
    at = told.index(f"prove that the backend's own login reads {new}")
    assert re.search(f"log in at 127.0.0.1:{port}, .* line of pg_hba.conf is not tried", told[at + 1])
    nowhere(site, output, log)


def an_accepted_gap_is_warned_of_in_the_report(site):
    nothing = variables(reingest_backend_dsn="", reingest_accept="served")
    code, output = site.play(PROMOTE, "-e", f"reingest_snapshot={other(site)} reingest_force=true", *nothing)
    assert code == 0, output
    assert "[WARNING]: accepted: served: nothing would prove that the portal serves" in output
    assert [each for each in did(site) if each.startswith("accepted: served: nothing would prove")]


@full
def test_an_address_that_names_the_release_is_enough(site):
    code, output = site.play(
        PROMOTE,
        "-e",
        f"reingest_snapshot={other(site)} reingest_force=true",
        "-e",
        json.dumps({"reingest_backend_dsn": ""}),
    )
    assert code == 0, output
    assert f"prove that portal serves release {served(site).release}" in did(site)
    assert not [each for each in did(site) if "the backend's own login" in each]


@full
def test_a_password_in_the_inventory_is_shown_nowhere(site, tmp_path):
    secret = tmp_path / "secret.yml"
    secret.write_text(json.dumps({"reingest_backend_dsn": login(site, "locked")}))
    log = site.home / "secret.log"
    code, output = site.play(
        PROMOTE,
        "-vvv",
        "--diff",
        *("-e", f"@{secret}", "-e", f"reingest_snapshot={other(site)} reingest_force=true", *variables()),
        ANSIBLE_LOG_PATH=str(log),
    )
    assert code != 0
    assert f"the switch failed in {PROOF}" in output
    nowhere(site, output, log)


def nowhere(site, output, log):
    """See that the password is in nothing that a run printed, logged or wrote down."""
    kept = [path for path in (site.home / "work").rglob("*") if path.suffix in (".json", ".jsonl", ".log")]
    assert [path for path in kept if path.name == "steps.jsonl"]
    for text in (output, log.read_text(), json.dumps(site.report()), *(path.read_text() for path in kept)):
        assert PASSWORD not in text
