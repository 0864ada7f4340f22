"""The service with the real playbooks, on a deployment of its own."""

from __future__ import annotations

import pytest
from deployment import RELEASE_1, ROOT, make_deployment
from loopback import ADA
from tiers import full
from waiting import wait_for

from service.jobs import folder as folders

PASSED = ("REINGEST_DEMO_HOME", "DEMO_PRODUCTION_PORT", "DEMO_STAGING_PORT", "DEMO_PORTAL_PORT")


@pytest.fixture(scope="module")
def deployment():
    made = make_deployment()
    yield made
    made.clear()


@pytest.fixture
def real(service_of, deployment):
    return service_of(
        ansible_playbook=ROOT / ".venv/bin/ansible-playbook",
        inventory=ROOT / "inventories/demo",
        source_roots=[ROOT / "demo/data"],
        environment={name: deployment.environment[name] for name in PASSED},
    )


def ended(service, job):
    def over():
        found = service.parts.jobs.find(job)
        return None if found.active else found

    return wait_for(over, "the job ended", seconds=600, pause=0.2)


@full
def test_a_dry_run_by_the_api_plans_the_whole_ingest_and_changes_nothing(real, deployment):
    client = real.by_token(name="nightly")
    asked = {"check": True, "sources": f"{ROOT}/demo/data/{RELEASE_1}"}
    answer = client.post("/api/jobs/ingest", json=asked)
    assert answer.status_code == 202, answer.text
    job = answer.json()["id"]
    assert client.post("/api/jobs/load", json={}).status_code == 409
    found = ended(real, job)
    log = (real.settings.state / "jobs" / job / "log").read_text()
    assert found.state == "succeeded", log[-3000:]
    assert client.get(f"/api/jobs/{job}/report").json()["outcome"] == "planned"
    shown = client.get(f"/api/jobs/{job}").json()
    assert shown["run"]
    assert shown["window"] is False
    assert deployment.ledger() == []
    snapshots = client.get("/api/snapshots").json()
    assert snapshots["volume"]["lock"] is None
    assert snapshots["volume"]["live"] == ""


@full
def test_a_load_is_made_in_the_persons_name_and_another_one_is_cancelled_in_its_middle(real, deployment):
    client = real.by_token(name="weekly")
    asked = {"sources": f"{ROOT}/demo/data/{RELEASE_1}"}
    job = client.post("/api/jobs/load", json=asked).json()["id"]
    assert ended(real, job).state == "succeeded"
    assert {line["operator"] for line in deployment.ledger()} == {ADA}
    assert client.get(f"/api/jobs/{job}").json()["load"]["rows"] > 0

    job = client.post("/api/jobs/load", json={**asked, "force": True}).json()["id"]
    folder = real.settings.state / "jobs" / job
    wait_for(
        lambda: any(one["event"] == "stage" and one.get("loading") for one in folders.events(folder)),
        "it loads",
        seconds=300,
    )
    assert client.post(f"/api/jobs/{job}/cancel").status_code == 202
    found = ended(real, job)
    assert found.state == "cancelled", found.why
    assert not deployment.locked()
