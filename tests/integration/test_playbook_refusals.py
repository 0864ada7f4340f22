"""What people do wrong: each run ends red, says what to do, and leaves everything as it was."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from deployment import PLAYBOOK, RELEASE_1, ROOT, demo_inventory, make_deployment
from tiers import full, sample


@pytest.fixture(scope="module")
def deployment():
    made = make_deployment()
    yield made
    made.clear()


@pytest.fixture
def untouched(deployment):
    """Whatever the test did: nothing was promoted, the volume is free, no database was made."""
    yield
    assert not (deployment.volume / "prod").exists()
    assert not deployment.locked()
    assert deployment.ledger() == []


@pytest.fixture
def inventory(tmp_path):
    """Return a copy of the demo's inventory whose hosts.yml is replaced by a text."""

    return lambda hosts: demo_inventory(tmp_path, hosts)


def test_a_misspelt_inventory_is_not_a_successful_run_over_nothing(deployment, untouched):
    code, output = deployment.play("ingest.yml", inventory="inventories/dmeo")
    assert code != 0
    assert "Completely failed to parse inventory source" in output
    assert "inventories/dmeo" in output


@pytest.mark.parametrize("missing", sample(["worker", "db", "backend"], "backend"))
def test_a_group_without_a_host_is_named(deployment, untouched, inventory, missing):
    groups = [group for group in ("worker", "db", "backend") if group != missing]
    code, output = deployment.play(
        "ingest.yml",
        inventory=inventory("".join(f"{group}: {{hosts: {{demo: {{}}}}}}\n" for group in groups)),
    )
    assert code != 0
    assert f"the inventory has no host in group {missing}" in output


@pytest.mark.parametrize("limit", sample(["demo", "db"], "db"))
def test_a_limit_is_refused(deployment, untouched, limit):
    code, output = deployment.play("ingest.yml", "--limit", limit)
    assert code != 0
    assert "would switch a part of the hosts and leave the others behind: run without --limit" in output


@pytest.mark.parametrize(
    "option",
    sample(["--tags x", "--skip-tags always", "--step", "--start-at-task Load"], "--start-at-task Load"),
)
def test_a_part_of_a_run_is_refused_before_its_first_task(deployment, untouched, option):
    code, output = deployment.play("ingest.yml", *option.split())
    assert code == 2
    assert f"{option.split()[0]}" in output
    assert "would leave out a part of the run, its checks among them" in output
    assert "PLAY [" not in output


def test_what_the_command_line_has_wrong_is_told_before_a_host_is_asked(deployment, untouched):
    code, output = deployment.play(
        "ingest.yml", "-e", "reingest_source=/tmp/r9", "-e", "reingest_why=r2 looks odd"
    )
    assert code == 2
    assert "2 findings, no host was asked yet:" in output
    assert "-e reingest_source is no variable that a playbook reads; did you mean reingest_sources?" in output
    assert "the words looks odd belong to no variable, and Ansible drops them" in output
    assert "PLAY [Claim the volume" not in output


@full
def test_without_the_callback_a_run_that_was_never_begun_is_refused_by_every_stage(deployment, untouched):
    code, output = deployment.play(
        "ingest.yml", "--start-at-task", "Load", ANSIBLE_CALLBACKS_ENABLED="ansible.posix.timer"
    )
    assert code != 0
    assert "this run was never begun: its first tasks were left out" in output


def test_from_another_folder_the_playbooks_find_their_roles_and_want_an_inventory(tmp_path):
    run = subprocess.run(
        [PLAYBOOK, ROOT / "ingest.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "no inventory is named: name the one that the run is for" in run.stdout


@full
def test_a_limit_to_no_host_of_the_inventory_is_refused_by_ansible_itself(deployment, untouched):
    code, output = deployment.play("ingest.yml", "--limit", "localhost")
    assert code != 0
    assert "--limit leaves us with no hosts to target" in output


def test_a_host_that_cannot_be_reached_ends_the_run_before_anything_is_claimed(
    deployment, untouched, inventory
):
    hosts = (
        "worker: {hosts: {demo: {}}}\ndb: {hosts: {demo: {}}}\n"
        "backend: {hosts: {demo: {}, lost: {ansible_connection: ssh, "
        "ansible_host: 127.0.0.1, ansible_port: 1}}}\n"
    )
    code, output = deployment.play("ingest.yml", inventory=inventory(hosts))
    assert code != 0
    assert "lost" in output
    assert "UNREACHABLE" in output


@full
def test_a_missing_volume_is_named(deployment, untouched):
    code, output = deployment.play("ingest.yml", "-e", "reingest_volume=/nowhere/pg")
    assert code != 0
    assert "volume /nowhere/pg is not there: mount it, or correct reingest_volume" in output


@full
def test_prod_as_a_directory_that_is_no_database_is_refused_and_left_as_it_is(deployment):
    prod = deployment.volume / "prod"
    prod.mkdir()
    notes = prod / "notes.txt"
    notes.write_text("mine")
    try:
        code, output = deployment.ingest(RELEASE_1)
        assert code != 0
        assert f"{prod} is a directory, not a link, and no database that could be adopted" in output
        assert notes.read_text() == "mine"
    finally:
        shutil.rmtree(prod)


@full
def test_a_disk_too_small_for_the_load_is_refused_before_it(deployment, untouched):
    code, output = deployment.ingest(RELEASE_1, "-e", "reingest_min_free=900T")
    assert code != 0
    assert "the next load needs 900.0 TiB" in output
    assert set(deployment.processes()) == {"db-ingest"}  # it was asked what a load would change
    assert "TASK [load : Load" not in output


@pytest.mark.parametrize(
    ("operator", "reason"),
    [
        ("0000-0001-5109-3700", "is not one of the operators of this portal"),
        pytest.param("0000-0002-1825-0098", "its checksum is wrong", marks=full),
        pytest.param("somebody", "is not an ORCID iD", marks=full),
    ],
)
def test_only_listed_operators_may(deployment, untouched, operator, reason):
    code, output = deployment.ingest(RELEASE_1, REINGEST_OPERATOR=operator)
    assert code != 0
    assert reason in output


@full
def test_a_run_by_nobody_is_refused(deployment, untouched):
    code, output = deployment.ingest(RELEASE_1, "-e", "reingest_operator=''")
    assert code != 0
    assert "who runs this?" in output


@full
def test_a_service_without_a_program_is_named(deployment, untouched):
    code, output = deployment.ingest(RELEASE_1, "-e", '{"reingest_backend_services": ["front"]}')
    assert code != 0
    assert "service front has no command" in output


@full
def test_missing_sources_are_named_and_the_staging_database_is_not_touched(deployment, untouched):
    code, output = deployment.play("ingest.yml", "-e", "reingest_sources=/nowhere/r9")
    assert code != 0
    assert "the folder of sources /nowhere/r9 is not there" in output
    assert "TASK [Name the run]" not in output  # no host was asked


def test_a_wrong_password_is_never_printed(deployment, untouched):
    port = deployment.environment["DEMO_STAGING_PORT"]
    secret = "correct-horse-battery"
    dsn = f"postgresql://nmdc:{secret}@127.0.0.1:{port}/nmdc"
    code, output = deployment.ingest(RELEASE_1, "-e", f"reingest_staging_dsn={dsn}", "-vvv")
    assert code != 0
    assert "db-ingest: the login is refused" in output
    assert "password authentication failed" in output
    assert secret not in output.replace(f"reingest_staging_dsn={dsn}", "")


@full
def test_promote_without_a_load_says_what_to_do(deployment, untouched):
    code, output = deployment.play("playbooks/promote.yml")
    assert code != 0
    assert "there is no load to promote: nothing was loaded to its end" in output
    assert "run load.yml, or name an earlier snapshot with reingest_snapshot" in output


@full
@pytest.mark.parametrize(
    "given",
    [
        {"reingest_portal_url": "", "reingest_backend_dsn": ""},
        {"reingest_portal_release_key": "", "reingest_backend_dsn": ""},
    ],
    ids=["neither", "an address that names no release"],
)
def test_a_switch_that_nothing_would_prove_is_refused_before_the_load(deployment, untouched, given):
    before = deployment.processes()
    code, output = deployment.ingest(RELEASE_1, "-e", json.dumps(given))
    assert code != 0
    assert "nothing would prove that the portal serves the new snapshot" in output
    for name in (
        "reingest_portal_url",
        "reingest_portal_release_key",
        "reingest_backend_dsn",
        "or accept it: -e reingest_accept=served",
    ):
        assert name in output
    assert set(deployment.processes()) - set(before) <= {"db-ingest"}  # in which the schema was tried


@full
def test_a_variable_of_the_host_that_is_not_there_is_named_before_the_load(deployment, untouched):
    given = {"reingest_backend_dsn": "", "reingest_backend_dsn_env": "PORTAL_DSN"}
    code, output = deployment.ingest(RELEASE_1, "-e", json.dumps(given))
    assert code != 0
    assert "the environment of this host has no variable PORTAL_DSN (reingest_backend_dsn_env)" in output


@full
def test_rollback_without_a_snapshot_says_so(deployment, untouched):
    code, output = deployment.play("playbooks/rollback.yml")
    assert code != 0
    assert "there is no earlier good snapshot to go back to" in output
