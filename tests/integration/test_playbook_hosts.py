"""Whole switches of a portal that has services on a host of its own, beside those of the volume's host."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from bouncer import bouncer_factory  # noqa: F401 - a fixture
from controller import other, served
from deployment import demo_inventory, ingested_deployment
from tiers import full

from plugins.module_utils.reingest.engines.model import Service
from plugins.module_utils.reingest.engines.process.engine import ProcessEngine
from plugins.module_utils.reingest.services.group import apply_group, plan_group

PROMOTE = "playbooks/promote.yml"
MAILER = ("sleep", "infinity")


@pytest.fixture(scope="module")
def site():
    made = ingested_deployment()
    yield made
    made.clear()


@pytest.fixture
def inventory(site, tmp_path):
    """Return the demo's inventory and a second host, which sends the portal's mails."""
    beside = {
        "reingest_work": str(site.home / "work/beside"),
        "reingest_backend_services": ["mailer"],
        "reingest_services": {"mailer": {"command": MAILER}},
    }
    demo = {"demo": {}}
    groups = {"worker": demo, "db": demo, "backend": {**demo, "beside": beside}}
    engine, mailer = ProcessEngine(site.home / "work/beside/services"), Service("mailer", command=MAILER)
    apply_group(engine, plan_group(engine, [mailer], "started"), stop_timeout=10, start_timeout=10)
    yield demo_inventory(tmp_path, json.dumps({name: {"hosts": hosts} for name, hosts in groups.items()}))
    apply_group(engine, plan_group(engine, [mailer], "stopped"), stop_timeout=10, start_timeout=10)


def did(site, host, stage="switch"):
    """Return what the last run did on a host in a stage, each with when it began and ended."""
    found = []
    for step in site.report()["steps"]:
        if (step["host"], step["stage"]) == (host, stage):
            began = datetime.fromisoformat(step["started"]).timestamp()
            found += [(line, began, began + step["seconds"]) for line in step["did"]]
    return found


def test_services_of_another_host_stop_before_the_servers_and_start_when_those_serve(site, inventory):
    new = other(site)
    code, output = site.play(PROMOTE, "-e", f"reingest_snapshot={new}", inventory=inventory)
    assert code == 0, output
    assert served(site).snapshot == new
    stop, start = did(site, "beside")
    servers = {line: (began, ended) for line, began, ended in did(site, "demo")}
    assert (stop[0], start[0]) == ("stop mailer", "start mailer")
    assert stop[2] <= servers["stop db"][0]
    assert servers["start db"][1] <= start[1]


@full
def test_where_clients_are_held_they_go_on_and_are_restarted_one_after_the_other_if_so_declared(
    site,
    inventory,
    bouncer_factory,  # noqa: F811
):
    new, port = other(site), site.environment["DEMO_PRODUCTION_PORT"]
    password = (site.home / "pgpass").read_text().strip().rpartition(":")[2]
    line = f"host=127.0.0.1 port={port} dbname=nmdc"
    at = bouncer_factory({"nmdc": line}, {"nmdc": password})
    held = {
        "reingest_hold": "pgbouncer",
        "reingest_poolers": [at.raw("nmdc")],
        "reingest_hold_restart": "rolling",
        "reingest_snapshot": new,
    }
    code, output = site.play(PROMOTE, "-e", json.dumps(held), inventory=inventory)
    assert code == 0, output
    assert served(site).snapshot == new
    assert not at.paused("nmdc")
    own, others = did(site, "demo"), did(site, "beside")
    assert [line for line, *_ in others] == ["restart mailer"]
    (restart,) = (step for step in own if step[0] == "restart backend")
    assert "stop backend" not in [line for line, *_ in own]
    first, second = sorted((restart, others[0]), key=lambda step: step[1])
    assert first[2] <= second[1]  # one after the other
    released = next(ended for line, _, ended in own if "go on" in line)
    assert released <= first[1]
