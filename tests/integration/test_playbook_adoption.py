"""A volume that the runbook left, with a real ``prod`` directory: told by a dry run, repaired, served on."""

from __future__ import annotations

import shutil

import pytest
from clusters import process_in
from deployment import RELEASE_1, RELEASE_2, ingested_deployment
from tiers import full

RUNBOOK = "2026-11-23T11:45:00+00:00"


@pytest.fixture(scope="module")
def deployment():
    """Return a deployment that serves release 1 from a volume of the runbook; nothing runs."""
    made = ingested_deployment(started=False)
    volume = made.volume
    (volume / "prod").unlink()
    first, _ = made.snapshots()
    (volume / "staging" / first).rename(volume / "prod")
    shutil.rmtree(volume / "staging")
    shutil.rmtree(volume / ".reingest")
    (volume / "prod" / RUNBOOK).symlink_to(f"staging/{RUNBOOK}")
    yield made
    made.clear()


def tree(deployment):
    return sorted((str(path), path.lstat().st_mode) for path in deployment.volume.rglob("*"))


@full
def test_a_real_prod_directory_in_use_is_left_alone_and_the_remedy_said(deployment):
    prod = deployment.volume / "prod"
    with process_in(prod) as pid:
        code, output = deployment.ingest(RELEASE_2)
    assert code != 0
    assert f"{prod} is a directory, not a link" in output
    assert "stop it and run playbooks/recover.yml" in output
    assert f"process {pid}" in output
    assert not prod.is_symlink()
    assert not deployment.locked()


@full
def test_a_dry_run_says_what_was_found_and_where_the_plan_ends(deployment):
    (deployment.volume / "prod").chmod(0o755)
    before = tree(deployment)
    code, output = deployment.ingest(RELEASE_2, "--check", "--diff")
    assert code != 0  # what a load on it would do cannot be told
    assert "prod: make it staging/" in output
    assert "what comes after that can be planned when it is done, run playbooks/recover.yml" in output
    assert tree(deployment) == before


@full
def test_a_dry_recovery_says_all_that_it_would_adopt(deployment):
    (deployment.volume / "prod").chmod(0o755)
    before = tree(deployment)
    code, output = deployment.play("playbooks/recover.yml", "--check")
    assert code == 0, output
    assert "make it staging/" in output
    assert "has mode 0755: PostgreSQL does not start on it" in output
    assert tree(deployment) == before


def test_a_recovery_adopts_it_and_starts_production(deployment):
    code, output = deployment.play("playbooks/recover.yml")
    assert code == 0, output
    prod = deployment.volume / "prod"
    assert prod.readlink().parts[0] == "staging"
    assert not (prod / RUNBOOK).is_symlink()
    assert prod.resolve().stat().st_mode & 0o777 == 0o700
    assert [line["state"] for line in deployment.ledger()] == ["adopted", "live", "good"]
    assert deployment.health()["release"] == RELEASE_1


@full
def test_a_second_recovery_changes_nothing(deployment):
    code, output = deployment.play("playbooks/recover.yml")
    assert code == 0, output
    assert "changed=0" in output
    assert "changed=1" not in output


@full
def test_the_next_ingest_and_a_rollback_are_like_any_other(deployment):
    if not (deployment.volume / "prod").is_symlink():
        code, output = deployment.play("playbooks/recover.yml")
        assert code == 0, output
    adopted = (deployment.volume / "prod").resolve()
    code, output = deployment.ingest(RELEASE_2)
    assert code == 0, output
    assert deployment.health()["release"] == RELEASE_2
    code, output = deployment.play("playbooks/rollback.yml")
    assert code == 0, output
    assert deployment.health()["release"] == RELEASE_1
    assert (deployment.volume / "prod").resolve() == adopted
