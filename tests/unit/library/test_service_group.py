"""``service_group`` through its real ``main``, with processes."""

from __future__ import annotations

import pytest


@pytest.fixture
def group(tmp_path, run_module):
    """Return ``run(state, *services, check=, ...)``; what is left running is stopped at the end."""
    made = {}

    def run(state, *services, check=False, **more):
        made.update({service["name"]: service for service in services if service.get("kind") != "probe"})
        options = {"engine": "process", "records": str(tmp_path / "records"), "start_timeout": 5, **more}
        return run_module("service_group", check=check, state=state, services=list(services), **options)

    yield run
    run("stopped", *made.values())


def service(name):
    return {"name": name, "command": ["sleep", "600"]}


def test_starts_and_stops_once(group):
    first = group("started", service("a"), service("b"))
    assert (first["changed"], sorted(first["acted"])) == (True, ["a", "b"])
    assert first["step"]["did"] == ["start a", "start b"]
    assert not group("started", service("a"), service("b"))["changed"]
    stopped = group("stopped", service("a"), service("b"))
    assert stopped["diff"] == {"before": "a: running\nb: running\n", "after": "a: stopped\nb: stopped\n"}
    assert not group("stopped", service("a"), service("b"))["changed"]


def test_check_mode_predicts_and_starts_nothing(group, tmp_path):
    dry = group("started", service("a"), check=True)
    assert dry["changed"]
    assert dry["step"]["did"] == ["start a"]
    assert not (tmp_path / "records").exists()


def test_a_dry_run_takes_the_states_that_its_earlier_steps_bring(group, tmp_path):
    group("started", service("a"))
    dry_run = {"work": str(tmp_path / "work"), "run": "run-1", "check": True}
    assert group("stopped", service("a"), **dry_run)["acted"] == ["a"]
    assert group("started", service("a"), **dry_run)["acted"] == ["a"]
    assert group("stopped", service("b"), **dry_run)["acted"] == []
    assert group("started", service("b"), **dry_run)["acted"] == ["b"]
    assert group("stopped", service("b"), **dry_run)["acted"] == ["b"]
    other = {**dry_run, "run": "run-2"}
    assert group("started", service("a"), **other)["acted"] == []
    assert not group("started", service("a"), work=dry_run["work"], run="run-1")["changed"]


def test_a_probe_that_does_not_answer_is_refused_and_one_that_answers_otherwise_too(group):
    probe = {"name": "portal", "kind": "probe", "health": {"http": "http://127.0.0.1:9/health"}}
    refused = group("healthy", probe, start_timeout=0.2)
    assert "portal is not healthy" in refused["msg"]


def test_a_connection_string_is_never_in_the_result(group):
    secret = "postgresql://u:correct-horse@127.0.0.1:9/d"
    refused = group("started", {**service("a"), "health": {"postgresql": secret}}, start_timeout=0.2)
    assert refused["failed"]
    assert "correct-horse" not in str(refused)


def test_a_service_without_a_program_is_refused(group):
    refused = group("started", {"name": "a"})
    assert refused["failed"]
    assert "service a has no command" in refused["msg"]


def test_a_refusal_that_is_gathered_is_no_failure(group):
    gathered = group("started", {"name": "a"}, gather=True)
    assert "failed" not in gathered
    assert gathered["findings"] == ["service a has no command: add it to the service in the inventory"]


def test_check_mode_says_what_will_be_proven_and_logs_in_nowhere(group):
    served = {"dsn": "postgresql://u:correct-horse@127.0.0.1:9/d", "snapshot": "20261123T114500Z"}
    dry = group("healthy", served=served, check=True)
    assert dry["step"]["did"] == ["prove that the backend's own login reads 20261123T114500Z"]
    refused = group("healthy", served=served, start_timeout=0.2)
    assert "the backend's own login does not read 20261123T114500Z after 0 s" in refused["msg"]
    assert "correct-horse" not in str([dry, refused])


def test_a_login_of_a_variable_of_the_host_is_taken_from_there(group, monkeypatch):
    served = {"dsn_env": "PORTAL_DSN", "snapshot": "20261123T114500Z", "host": "127.0.0.1", "port": "9"}
    monkeypatch.delenv("PORTAL_DSN", raising=False)
    assert "no variable PORTAL_DSN" in group("healthy", served=served)["msg"]
    monkeypatch.setenv("PORTAL_DSN", "postgresql+psycopg2://u:correct-horse@db:5432/d")
    refused = group("healthy", served=served, start_timeout=0.2)
    assert "no PostgreSQL answers at 127.0.0.1:9" in refused["msg"]
    assert "correct-horse" not in str(refused)


def test_the_maintenance_answer_is_taken_away_once_the_services_are_up(group, tmp_path):
    said = tmp_path / "maintenance"
    said.touch()
    off = ["rm", str(said)]
    dry = group("started", service("a"), maintenance_off=off, check=True)
    assert dry["step"]["did"] == ["start a", "run rm (reingest_maintenance_off)"]
    assert said.exists()
    group("started", service("a"), maintenance_off=off)
    assert not said.exists()
    failed = group("started", service("a"), maintenance_off=off)
    assert "rm (reingest_maintenance_off) fails with 1" in failed["msg"]
