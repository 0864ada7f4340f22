"""Profiles on their way: from the run that verified a load to the volume, and to the next verification."""

from __future__ import annotations

import json

import pytest

A, B = "20261101T000000Z", "20261102T000000Z"
WHO = {"operator": "0000-0002-1825-0097"}
OF_A = {"version": 1, "snapshot": A, "database": "portal", "tables": {}}


@pytest.fixture
def served(site, run_module, tmp_path):
    """Return a volume whose live snapshot is A, by a run that kept its profiles."""
    site.serve(A)
    run = f"run-of-{A}"
    site.claim(run)
    given = {
        "volume": str(site.volume.root),
        "work": str(tmp_path / "work"),
        "run": run,
        "playbook": "ingest",
    }
    result = run_module("run_report", **given, **WHO, profiles=OF_A)
    assert not result.get("failed"), result
    return site


def begun(site, run_module, tmp_path, playbook):
    site.claim("run-2")
    here = {"records": str(tmp_path / "records"), "engine": "process", "state": "recovered", "look": True}
    given = {"volume": str(site.volume.root), "run": "run-2", "playbook": playbook, **WHO, **here}
    return run_module("switch_window", **given)["volume"]


@pytest.mark.parametrize("playbook", ["ingest", "load", "promote"])
def test_a_run_that_verifies_gets_the_profiles_of_what_serves(served, run_module, tmp_path, playbook):
    assert begun(served, run_module, tmp_path, playbook)["profiles"] == OF_A


def test_other_runs_do_not(served, run_module, tmp_path):
    assert "profiles" not in begun(served, run_module, tmp_path, "rollback")


def test_a_snapshot_that_no_run_verified_has_none(served, run_module, tmp_path):
    served.serve(B)
    assert begun(served, run_module, tmp_path, "ingest")["profiles"] == {}


def test_a_dry_run_keeps_nothing(site, run_module, tmp_path):
    site.serve(A)
    given = {
        "volume": str(site.volume.root),
        "work": str(tmp_path / "work"),
        "run": "run-1",
        "playbook": "ingest",
    }
    run_module("run_report", check=True, **given, **WHO, profiles=OF_A)
    assert list(site.volume.records.rglob("profile.json")) == []


def test_the_file_is_for_nobody_else(served):
    file = served.volume.run(f"run-of-{A}") / "profile.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == OF_A
