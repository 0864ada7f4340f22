"""What is to be done with a group of services is planned from what runs, or from what a dry run assumes."""

from __future__ import annotations

import pytest
from clusters import process_in

from plugins.module_utils.reingest.engines.model import Health, Service, service_from
from plugins.module_utils.reingest.engines.process.engine import ProcessEngine
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.services.alone import refuse_company
from plugins.module_utils.reingest.services.group import apply_group, plan_group

DB, PORTAL = Service("db", command=("sleep", "600")), Service("portal", command=("sleep", "600"))


@pytest.fixture
def engine(tmp_path):
    return ProcessEngine(tmp_path)


def test_what_does_not_run_is_started_and_needs_no_stop(engine):
    start, stop = plan_group(engine, [DB, PORTAL], "started"), plan_group(engine, [DB, PORTAL], "stopped")
    assert start.did() == ["start db", "start portal"]
    assert start.diff() == {
        "before": "db: stopped\nportal: stopped\n",
        "after": "db: running\nportal: running\n",
    }
    assert (stop.changed, stop.did()) == (False, [])


def test_a_restart_stops_what_runs_and_starts_all(engine):
    apply_group(engine, plan_group(engine, [DB], "started"), stop_timeout=5, start_timeout=5)
    before = engine._pid(DB)
    plan = plan_group(engine, [DB, PORTAL], "restarted")
    assert plan.did() == ["restart db", "start portal"]
    assert plan.diff()["after"] == "db: running\nportal: running\n"
    apply_group(engine, plan, stop_timeout=5, start_timeout=5)
    try:
        assert engine._pid(DB) not in (None, before)
        assert engine.running(PORTAL)
    finally:
        stop = plan_group(engine, [DB, PORTAL], "stopped")
        apply_group(engine, stop, stop_timeout=5, start_timeout=5)


def test_a_dry_run_restarts_what_earlier_steps_start(engine):
    assert plan_group(engine, [DB], "restarted", assume={"db": "started"}).did() == ["restart db"]


def test_a_dry_run_takes_earlier_steps_as_done(engine):
    stop = plan_group(engine, [DB, PORTAL], "stopped", assume={"db": "started"})
    assert stop.did() == ["stop db"]
    start = plan_group(engine, [DB, PORTAL], "started", assume={"db": "started", "portal": "stopped"})
    assert start.did() == ["start portal"]


def test_a_probe_is_only_waited_for(engine):
    probe = Service("portal", kind="probe", health=Health(http="http://127.0.0.1:1/"))
    assert not plan_group(engine, [probe], "healthy").changed
    for state in ("started", "stopped", "restarted"):
        with pytest.raises(Refusal, match=r"portal is a probe, nothing to be .* it can only be waited for"):
            plan_group(engine, [probe], state)


def test_a_probe_needs_an_address(engine):
    with pytest.raises(Refusal, match="probe portal has no address to ask: add tcp, http or postgresql"):
        plan_group(engine, [Service("portal", kind="probe")], "healthy")


def test_a_probe_that_does_not_answer_is_told_with_the_reason(engine):
    probe = Service("portal", kind="probe", health=Health(tcp="127.0.0.1:1"))
    with pytest.raises(Refusal, match=r"portal is not healthy after 0 s: 127.0.0.1:1: Connection refused"):
        apply_group(engine, plan_group(engine, [probe], "healthy"), stop_timeout=1, start_timeout=0.1)


@pytest.mark.parametrize(
    ("services", "fault"),
    [
        ([DB, DB], "service db is listed twice"),
        ([Service("../db", command=("sleep", "1"))], "'../db' is not the name of a service"),
        (
            [Service("db", command=("sleep", "1"), linked=True)],
            "service db is linked, but names no data directory",
        ),
    ],
)
def test_a_faulty_definition_is_refused(engine, services, fault):
    with pytest.raises(Refusal, match=fault):
        plan_group(engine, services, "stopped")


def test_a_service_is_read_from_a_modules_option():
    raw = {
        "name": "db",
        "kind": None,
        "data": "/srv/pg/prod",
        "environment": {"PORT": 1},
        "health": {"tcp": "a:1", "http": ""},
    }
    service = service_from(raw)
    assert (service.kind, str(service.data), service.environment) == ("plain", "/srv/pg/prod", {"PORT": "1"})
    assert service.health == Health(tcp="a:1")


def test_a_server_is_checked_to_be_alone_while_it_runs(engine, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    command = ("sh", "-c", f"cd {data}; exec sleep 600")
    db = Service("db", kind="postgresql", command=command, data=data)

    def check():
        refuse_company(engine, db, exclusive=False)

    apply_group(engine, plan_group(engine, [db], "started"), stop_timeout=5, start_timeout=5)
    try:
        check()
        with (
            process_in(data) as pid,
            pytest.raises(Refusal, match=rf"db is not alone: .* process {pid} \(sleep\)"),
        ):
            check()
    finally:
        apply_group(
            engine,
            plan_group(engine, [PORTAL, Service("db", command=command)], "stopped"),
            stop_timeout=5,
            start_timeout=5,
        )
    with process_in(data), pytest.raises(Refusal, match="db is not alone"):
        check()
