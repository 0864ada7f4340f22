"""The module that predicts an outage and begins to measure it, and the report that ends that, by ``main``."""

from __future__ import annotations

import json
import os

import pytest
from clusters import core_of
from unit.outage.portal import serving
from waiting import wait_for

from plugins.module_utils.reingest.fs.lock_file import worker_at
from plugins.module_utils.reingest.host.boot import machine
from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.outage.forecast import Now
from plugins.module_utils.reingest.outage.probe_record import LOCK, end_prober
from plugins.module_utils.reingest.runs.steps import append_step
from plugins.module_utils.reingest.volume.ledger import MEASURED

A = "20261101T000000Z"
OPERATOR = "0000-0002-1825-0097"
PARTS = {"stop_servers": 1.0, "start_production": 2.0}


@pytest.fixture
def portal():
    with serving() as found:
        yield found


@pytest.fixture
def volume(site):
    """Return a site that serves, is claimed by the run, and has had a switch that took 3 s."""
    site.serve(A)
    core_of(site.template, site.volume.ingest, 2)
    site.record(MEASURED, A, "run-before", {"parts": PARTS, "outage_s": 3.0})
    site.claim()
    return site


@pytest.fixture
def watch(run_module, tmp_path):
    work = tmp_path / "work"
    work.mkdir(mode=0o700)
    mine = {"controller": machine(), "process": os.getpid(), "process_started": started_at(os.getpid())}

    def run(name="outage_watch", **params):
        known = mine if name == "outage_watch" else {}
        return run_module(name, work=str(work), run="run-1", operator=OPERATOR, **{**known, **params})

    run.folder = work / "run-1"
    yield run
    end_prober(run.folder)


@pytest.fixture
def server(monkeypatch):
    """Let production answer without a server; tests/integration/test_outage_servers.py asks real ones."""
    asked = []

    def look(production, staging, *, rows, dry):
        asked.append((production, rows, dry))
        return Now(0, None if dry else 0.5), "production could not be asked"

    monkeypatch.setattr("plugins.module_utils.reingest.outage.servers.look", look)
    return asked


def test_the_prediction_is_a_figure_of_the_step(watch, volume, server):
    told = watch(volume=str(volume.volume.root), production_dsn="dbname=live", budget=10)
    assert not told["changed"]
    assert told["predicted"] == {"stop_servers": 1.0, "checkpoint": 0.5, "start_production": 2.0}
    assert told["deadline"] == {"budget": 10.0, "parts": told["predicted"]}
    assert (told["step"]["detail"]["predicted"]["seconds"], told["step"]["detail"]["budget"]) == (3.5, 10.0)
    assert "production could not be asked" in json.dumps(told["warnings"])
    assert server == [("dbname=live", True, False)]


def test_a_switch_that_does_not_fit_is_refused_before_anything_is_measured(watch, volume, server, portal):
    options = {"volume": str(volume.volume.root), "production_dsn": "dbname=live", "portal_url": portal.url}
    told = watch(**options, budget=3.2)
    assert told["failed"]
    assert "reingest_outage_budget allows 3.2 s; nothing was stopped" in told["msg"]
    assert portal.asked == []
    accepted = watch(**options, budget=3.2, accept=["outage"])
    assert accepted["measured"]
    assert accepted["deadline"]["budget"] == 0.0
    assert "accepted: outage: the portal would be away" in json.dumps(accepted["warnings"])


def test_a_dry_run_predicts_refuses_and_starts_nothing(watch, volume, server, portal):
    options = {"volume": str(volume.volume.root), "production_dsn": "dbname=live", "portal_url": portal.url}
    told = watch(**options, check=True, budget=5)
    assert (told["measured"], portal.asked) == (False, [])
    assert told["step"]["detail"]["predicted"]["seconds"] == 3.0
    assert server == [("dbname=live", True, True)]
    assert watch(**options, check=True, budget=2)["failed"]


def test_the_report_ends_the_prober_and_the_ledger_says_what_users_felt(watch, volume, portal):
    root = str(volume.volume.root)
    assert watch(portal_url=portal.url, portal_release_key="release", interval=0.02)["measured"]
    wait_for(lambda: len(portal.asked) > 3)
    portal.status = 503
    wait_for(lambda: len(portal.asked) > 8)
    portal.status, portal.release = 200, "r2"
    wait_for(lambda: len(portal.asked) > 12)
    for second, what in ((10, "stop backend"), (12, "start backend")):
        append_step(
            watch.folder.parent,
            "run-1",
            {
                "stage": "switch",
                "started": f"2026-11-23T12:00:{second}+00:00",
                "seconds": 1.0,
                "changed": True,
                "did": [what],
                "detail": {},
            },
        )
    told = watch("run_report", volume=root, playbook="promote", host="h")
    assert worker_at(watch.folder / LOCK) is None
    outage = told["report"]["outage"]
    assert outage["measured"]
    assert outage["outage_s"] > 0.05
    assert (outage["failed"] > 0, outage["new_release"], outage["window_s"]) == (True, "r2", 3.0)
    line = volume.ledger.entries[-1]
    assert (line.state, line.run, line.detail["outage_s"]) == (MEASURED, "run-1", outage["outage_s"])
    assert line.why in "\n".join(told["text"])
    assert told["report"]["ledger"]["last"] == line.chain
    kept = json.loads((volume.volume.run("run-1") / "report.json").read_text())
    assert kept["outage"] == outage


def test_over_the_budget_is_a_warning_and_the_run_is_done(watch, volume, portal, server):
    options = {"volume": str(volume.volume.root), "production_dsn": "dbname=live", "portal_url": portal.url}
    assert watch(**options, interval=0.02, budget=4)["measured"]
    wait_for(lambda: len(portal.asked) > 3)
    end_prober(watch.folder)
    record = json.loads((watch.folder / "probe.json").read_text())
    record["seen"]["outage_s"] = 5.0
    (watch.folder / "probe.json").write_text(json.dumps(record))
    switched = {"stage": "switch", "started": "2026-11-23T12:00:10+00:00", "seconds": 1.0, "changed": True}
    append_step(watch.folder.parent, "run-1", {**switched, "did": ["stop backend"], "detail": {}})
    told = watch("run_report", volume=str(volume.volume.root), playbook="promote")
    assert "failed" not in told
    assert told["report"]["outcome"] == "done"
    assert "over the budget of 4 s" in json.dumps(told["warnings"])


def test_a_portal_that_cannot_be_asked_is_a_warning_and_the_run_goes_on(watch, portal):
    told = watch(portal_url="https://portal.invalid/")
    assert "failed" not in told
    assert (told["measured"], told["changed"]) == (False, False)
    assert "the outage is not measured: its name is not found" in json.dumps(told["warnings"])
    assert told["step"]["detail"]["unmeasured"].startswith("its name is not found")


def test_a_run_without_the_claim_predicts_nothing(watch, volume, server):
    volume.claim("run-2")
    assert watch(volume=str(volume.volume.root), production_dsn="dbname=live")["failed"]
    assert server == []
