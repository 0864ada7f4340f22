"""Jobs with real processes: how they start, end, are cancelled, and outlive the service."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading

import pytest
import yaml
from waiting import wait_for

from service.jobs import folder as folders
from service.jobs.wrapper import NOT_MINE
from service.store.jobs import Order

ADA, BEN = "0000-0002-1825-0097", "0000-0001-5109-3700"


def do(service, **todo):
    (service.here / "do").write_text(json.dumps(todo))


def begin(service, kind="load", person=ADA, **asked):
    answer = service.by_token(person).post(f"/api/jobs/{kind}", json=asked)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def pid_of(service, job, name="playbook.json"):
    path = service.settings.state / "jobs" / job / name
    return wait_for(lambda: folders.read(path), f"{name} of the job")["pid"]


def test_a_job_gets_its_fields_as_variables_in_a_file_and_nothing_else(service_of, tmp_path):
    service = service_of(source_roots=[tmp_path], environment={"DEMO_PORTAL_PORT": "8080"})
    do(service, lines=["hello"], report={"outcome": "done"})
    job = begin(
        service, "ingest", check=True, sources=f"{tmp_path}/r2", accept=["shrink:study@20"], force=True
    )
    assert service.ended(job).state == "succeeded"
    folder = service.settings.state / "jobs" / job
    given = json.loads((folder / "variables.json").read_text())
    assert (
        given.items()
        >= {
            "reingest_sources": f"{tmp_path}/r2",
            "reingest_accept": ["shrink:study@20"],
            "reingest_force": True,
            "reingest_operator": ADA,
        }.items()
    )
    command = json.loads((folder / "command.json").read_text())
    assert command["argv"][1:] == [
        "playbooks/ingest.yml",
        "-i",
        str(tmp_path / "inventory"),
        "-e",
        f"@{folder}/variables.json",
        "--check",
        "--diff",
    ]
    assert "PYTEST_CURRENT_TEST" not in command["environment"]
    assert command["environment"]["DEMO_PORTAL_PORT"] == "8080"
    for path in (folder, *folder.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    client = service.by_token(BEN)
    assert client.get(f"/api/jobs/{job}/report").json() == {"outcome": "done"}
    assert client.get(f"/api/jobs/{job}").json()["run"] == "20261123T114500Z-4711"


def test_a_job_that_fails_says_why(service):
    do(service, code=2, failure="disk full on db: free 3G")
    job = service.ended(begin(service))
    assert (job.state, job.code, job.why) == ("failed", 2, "disk full on db: free 3G")


def test_a_program_that_is_not_there_is_a_failed_job_and_its_log_says_so(service):
    (service.here / "ansible-playbook").unlink()
    job = begin(service)
    assert service.ended(job).code == 127
    assert "cannot be started" in (service.settings.state / "jobs" / job / "log").read_text()


def test_of_six_posts_at_once_one_is_accepted_and_five_name_its_run(service):
    do(service, waits=True)
    came, ready = [], threading.Barrier(6)
    clients = [service.by_token(name=f"t{number}") for number in range(6)]

    def post(client):
        ready.wait()
        came.append(client.post("/api/jobs/ingest", json={}))

    threads = [threading.Thread(target=post, args=(client,)) for client in clients]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.status_code for one in came) == [202, 409, 409, 409, 409, 409]
    job = next(one.json()["id"] for one in came if one.status_code == 202)
    assert {one.json()["run"]["job"] for one in came if one.status_code == 409} == {job}
    (service.here / "go").touch()
    assert service.ended(job).state == "succeeded"


def test_a_run_that_was_started_elsewhere_is_in_the_way_until_it_ends_but_for_recover(service):
    lock = {
        "run": "20261123T114500Z-4711",
        "operator": BEN,
        "since": "now",
        "controller": "elsewhere",
        "process": 1,
    }
    (service.here / "status.json").write_text(json.dumps({"volume": {"lock": lock}}))
    answer = service.by_token().post("/api/jobs/ingest", json={})
    assert answer.status_code == 409
    assert answer.json()["run"]["run"] == "20261123T114500Z-4711"
    assert service.ended(begin(service, "recover")).state == "succeeded"
    died_here = {**lock, "controller": socket.gethostname(), "process": 2**22 + 1}
    (service.here / "status.json").write_text(json.dumps({"volume": {"lock": died_here}}))
    assert service.ended(begin(service)).state == "succeeded"


def test_a_job_outlives_a_service_that_is_killed_and_the_next_one_sees_its_end(service_of, tmp_path):
    service = service_of()
    do(service, waits=True, lines=["before"])
    token = service.parts.tokens.make("ci", ADA, ["read", "load"], 1)
    service.stop()
    client = service.client(token)
    path = tmp_path / "service.yml"
    path.write_text(yaml.safe_dump(json.loads(service.settings.model_dump_json())))
    command = [sys.executable, "-m", "service", "--settings", path, "serve"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        try:

            def up():
                try:
                    return client.get("/healthz").status_code == 200
                except Exception:  # noqa: BLE001 - not yet
                    return False

            wait_for(up, "the service")
            job = client.post("/api/jobs/load", json={}).json()["id"]
            playbook = pid_of(service, job)
        finally:
            first.send_signal(signal.SIGKILL)
    assert os.getsid(playbook) == playbook
    again = service_of(port=service.settings.port, url=service.settings.url)
    assert again.client(token).get(f"/api/jobs/{job}").json()["state"] == "running"
    (service.here / "go").touch()
    assert again.ended(job).state == "succeeded"
    assert again.ran() == ["load"]


def test_a_job_that_ended_while_no_service_ran_has_its_right_end(service_of):
    service = service_of()
    do(service, waits=True, code=2, failure="refused")
    job = begin(service)
    folder = service.settings.state / "jobs" / job
    service.stop()
    (service.here / "go").touch()
    wait_for(lambda: (folder / "exit.json").exists(), "the exit code")
    ended = service_of().ended(job)
    assert (ended.state, ended.code, ended.why) == ("failed", 2, "refused")


def test_a_job_whose_processes_were_killed_is_lost_and_recovered_in_its_name(service):
    do(service, waits=True)
    job = begin(service, person=BEN)
    playbook = pid_of(service, job)
    os.kill(pid_of(service, job, "process.json"), signal.SIGKILL)
    service.parts.keeper.tick()
    wait_for(service.ran, "the playbook began")
    assert service.parts.jobs.active().id == job  # the playbook is there
    os.kill(playbook, signal.SIGKILL)
    assert service.ended(job).state == "lost"
    recovery = wait_for(
        lambda: next((j for j in service.parts.jobs.newest() if j.parent == job), None), "recover"
    )
    assert (recovery.kind, recovery.person, recovery.through) == ("recover", BEN, "service")
    assert service.ended(recovery.id).state == "succeeded"
    assert service.ran() == ["load", "recover"]


def test_a_lost_job_that_a_killed_service_did_not_recover_is_recovered_by_the_next(service_of):
    service = service_of()
    service.stop()
    job = service.parts.jobs.begin(Order("load", {}, dry=False, person=BEN, through="session"))
    service.parts.jobs.end(job, "lost")
    again = service_of()
    recovery = next(one for one in again.parts.jobs.newest() if one.parent == job.id)
    assert again.ended(recovery.id).state == "succeeded"
    again.stop()
    assert len(service_of().parts.jobs.newest()) == 2  # once


def test_a_job_that_was_kept_and_never_started_is_lost_and_is_never_started_later(service_of):
    service = service_of()
    service.stop()
    job = service.parts.jobs.begin(Order("load", {}, dry=True, person=ADA, through="session"))
    again = service_of()
    assert again.ended(job.id).state == "lost"
    folder = again.settings.state / "jobs" / job.id
    wrapper = [sys.executable, "-I", "service/jobs/wrapper.py", str(folder)]
    assert subprocess.run(wrapper, check=False).returncode == NOT_MINE
    assert again.ran() == []


def test_cancel_interrupts_runs_stop_and_is_cancelled_when_the_volume_is_free(service):
    do(service, waits=True)
    job = begin(service)
    pid_of(service, job)
    client = service.by_token(BEN)
    wait_for(lambda: (service.settings.state / "jobs" / job / "events.jsonl").exists(), "it began")
    assert client.post(f"/api/jobs/{job}/cancel").status_code == 202
    ended = service.ended(job)
    assert ended.state == "cancelled", ended.why
    assert BEN in ended.why
    assert service.ran() == ["load", "stop"]
    assert client.post(f"/api/jobs/{job}/cancel").status_code == 409


@pytest.mark.parametrize(
    ("found", "code", "told"),
    [
        ({"volume": {"lock": {"run": "20261123T114500Z-4711"}}}, 0, "still holds the volume"),
        ({"volume": {"lock": None}, "load": {"load": {"run": "x", "state": "running"}}}, 0, "still runs"),
        ({"volume": None}, 0, "did not say"),
        ({"volume": {"lock": None}}, 2, "stop.yml ended with 2"),
    ],
)
def test_a_job_is_not_called_cancelled_while_the_volume_is_held_or_its_load_may_run(
    service, found, code, told
):
    (service.here / "stop.code").write_text(str(code))
    do(service, waits=True)
    job = begin(service)
    wait_for(lambda: (service.settings.state / "jobs" / job / "events.jsonl").exists(), "it began")
    (service.here / "status.json").write_text(json.dumps(found))
    assert service.by_token().post(f"/api/jobs/{job}/cancel").status_code == 202
    ended = service.ended(job)
    assert ended.state == "failed"
    assert told in ended.why


def test_cancel_is_refused_while_production_is_switched(service):
    do(service, waits=True, window=True)
    job = begin(service, "promote")
    path = service.settings.state / "jobs" / job
    wait_for(lambda: any(one["event"] == "stage" for one in folders.events(path)), "the window")
    refused = service.by_token().post(f"/api/jobs/{job}/cancel")
    assert refused.status_code == 409
    assert "inside its switch" in refused.json()["detail"]
    assert service.parts.jobs.find(job).cancelled_by == ""
    (service.here / "go").touch()
    assert service.ended(job).state == "succeeded"


def test_a_cancel_that_a_killed_service_did_not_carry_out_is_carried_out_by_the_next(service_of):
    service = service_of()
    do(service, waits=True)
    job = begin(service)
    wait_for(lambda: (service.settings.state / "jobs" / job / "events.jsonl").exists(), "it began")
    service.stop()
    service.parts.jobs.cancel(service.parts.jobs.find(job), "x")
    assert service_of().ended(job).state == "cancelled"
