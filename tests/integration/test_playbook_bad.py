"""Whole runs after a rollback: what was left for being bad does not come back by itself."""

from __future__ import annotations

import pytest
from controller import served, snapshots
from deployment import RELEASE_1, RELEASE_2, ROOT, ingested_deployment
from tiers import full


@pytest.fixture
def site():
    """Return a deployment that went back from release 2 to release 1."""
    made = ingested_deployment()
    code, output = made.play("playbooks/rollback.yml", "-e", "reingest_why='the search finds nothing'")
    assert code == 0, output
    yield made
    made.clear()


@full
def test_a_release_that_was_rolled_back_comes_back_by_force_only(site):
    before, kept = served(site), set(site.snapshots())
    bad = next(line for line in site.ledger() if line["state"] == "bad")
    said = f"marked by 0000-0002-1825-0097 at {bad['at']} in run {bad['run']} (the search finds nothing)"

    code, output = site.ingest(RELEASE_2)
    assert code != 0
    assert said in " ".join(output.split())
    assert len(snapshots(site)) == 2  # it is not even loaded

    code, output = site.play("playbooks/load.yml", *release_2())
    assert code == 0, output
    for playbook in (("ingest.yml", *release_2()), ("playbooks/promote.yml",)):
        code, output = site.play(*playbook)
        assert code != 0
        assert said in " ".join(output.split())
    assert (served(site), set(site.snapshots())) == (before, kept)

    code, output = site.play("playbooks/promote.yml", "-e", "reingest_force=true")
    assert code == 0, output
    assert (before.release, served(site).release) == (RELEASE_1, RELEASE_2)


def release_2():
    return "-e", f"reingest_sources={ROOT}/demo/data/{RELEASE_2}"
