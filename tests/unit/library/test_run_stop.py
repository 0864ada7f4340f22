"""What ``stop.yml`` does on one host, through the module's real ``main``, upon real processes and records."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, replace

import pytest
from unit.load.states import load

from plugins.module_utils.reingest.host.boot import boot_id
from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.promotion.journal import Intent, Place, open_intent
from plugins.module_utils.reingest.volume.lock import Claim, claim, holder, verb
from plugins.module_utils.reingest.window.window_record import Window, boottime, write_window

WHO = {"operator": "0000-0002-1825-0097", "operators": ["0000-0002-1825-0097"]}
STAGING = {"staging_dsn": "postgresql://nmdc@db/nmdc"}
DEAD = Claim("run-1", WHO["operator"], "elsewhere/boot/1", 4711, "1", "2026-11-23T12:00:00+00:00")


@pytest.fixture
def loading(tmp_path):
    """Return a process that loads, by its state in ``<tmp_path>/run-1``."""
    with subprocess.Popen(["sleep", "600"]) as process:
        put(tmp_path, load(process=process.pid, process_started=started_at(process.pid)))
        yield process
        process.kill()


def put(work, state):
    (work / state.run).mkdir()
    (work / state.run / "progress.json").write_text(json.dumps(asdict(state)))


class TestTheLoad:
    def test_it_is_ended_and_a_second_call_changes_nothing(self, tmp_path, loading, run_module):
        first = run_module("run_stop", state="ended", work=str(tmp_path), **STAGING, **WHO)
        assert (first["changed"], first["ended"]) == (True, ["run-1"])
        done = f"end the load of run run-1 of {WHO['operator']} (process {loading.pid}, copy)"
        assert first["text"] == first["step"]["did"] == [done]
        assert loading.wait(5) < 0
        again = run_module("run_stop", state="ended", work=str(tmp_path), **STAGING, **WHO)
        assert (again["changed"], again["text"]) == (False, ["nothing loads on this host"])

    def test_check_mode_says_the_same_and_ends_nothing(self, tmp_path, loading, run_module):
        dry = run_module("run_stop", check=True, state="ended", work=str(tmp_path), **STAGING, **WHO)
        assert (dry["changed"], dry["ended"]) == (True, ["run-1"])
        assert dry["text"] == [f"would {dry['step']['did'][0]}"]
        assert loading.poll() is None

    def test_that_of_another_portal_is_left_alone(self, tmp_path, loading, run_module):
        other = {"staging_dsn": "postgresql://nmdc@other/nmdc"}
        assert not run_module("run_stop", state="ended", work=str(tmp_path), **other, **WHO)["changed"]
        assert loading.poll() is None

    @pytest.mark.parametrize("who", [{}, {"operator": WHO["operator"], "operators": ["0000-0001-5109-3700"]}])
    def test_who_is_not_an_operator_ends_nothing(self, tmp_path, loading, run_module, who):
        refused = run_module("run_stop", state="ended", work=str(tmp_path), **STAGING, **who)
        assert refused["failed"]
        assert "operators" in refused["msg"]
        assert loading.poll() is None


class TestTheClaim:
    def released(self, site, run_module, **params):
        return run_module("run_stop", state="released", volume=str(site.volume.root), **params, **WHO)

    def test_of_a_run_that_is_named_as_dead_it_is_given_back(self, site, run_module):
        claim(site.volume, DEAD)
        dry = self.released(site, run_module, check=True, take_over="run-1")
        assert holder(site.volume).run == "run-1"
        real = self.released(site, run_module, take_over="run-1")
        assert holder(site.volume) is None
        assert (real["changed"], real["released"], dry["released"]) == (True, "run-1", "run-1")
        assert real["step"]["did"] == dry["step"]["did"]
        again = self.released(site, run_module, take_over="run-1")
        assert (again["changed"], again["text"]) == (False, ["no run holds the volume lock"])

    def test_of_a_run_that_nobody_knows_to_be_dead_it_stays(self, site, run_module):
        claim(site.volume, DEAD)
        kept = self.released(site, run_module, take_over="another-run")
        assert (kept["changed"], kept["holder"]["run"]) == (False, "run-1")
        assert "process 4711 on elsewhere" in kept["text"][0]
        assert "-e reingest_take_over=run-1" in kept["text"][0]
        assert holder(site.volume).run == "run-1"

    def test_of_a_run_that_was_silent_for_longer_than_any_it_is_given_back(self, site, run_module):
        claim(site.volume, DEAD)
        with verb(site.volume, "run-1"):  # it works on the volume at this moment, and renews its claim
            assert not self.released(site, run_module, age=1)["changed"]
        old = replace(holder(site.volume), renewed=DEAD.since)
        site.volume.claim.write_text(json.dumps(asdict(old)))
        assert self.released(site, run_module, age=3600)["released"] == "run-1"


class TestASwitch:
    def test_a_run_whose_window_is_open_is_refused_by_name(self, tmp_path, run_module):
        nobody = {"production": (), "staging": (), "writers": ()}
        times = {"stop_timeout": 5.0, "start_timeout": 5.0, "watchdog": 60.0}
        since = {"boot": boot_id(), "opened": boottime(), "since": "2026-11-24T10:00:00+00:00"}
        names = {"snapshot": "20261124T100000Z", "previous": "", "engine": "process", "volume": ""}
        window = Window(run="run-2", operator="ada", **names, **nobody, **times, **since)
        write_window(tmp_path / "services", window)
        refused = run_module("run_stop", state="checked", records=str(tmp_path / "services"), **WHO)
        assert refused["failed"]
        assert "run run-2 of ada is inside its switch since 2026-11-24T10:00:00" in refused["msg"]

    def test_a_promotion_that_was_begun_is_refused_by_name(self, site, tmp_path, run_module):
        site.volume.records.mkdir()
        snapshot = "20261124T100000Z"
        open_intent(site.volume, Intent("run-2", "ada", "ingest", snapshot, "", "ingest", Place(1, "2")))
        here = {"volume": str(site.volume.root), "work": str(tmp_path)}
        refused = run_module("run_stop", state="checked", **here, **WHO)
        assert refused["failed"]
        assert f"run run-2 of ada has begun to promote {snapshot}" in refused["msg"]

    def test_where_none_is_open_nothing_is_refused(self, site, tmp_path, run_module):
        found = run_module(
            "run_stop", state="checked", volume=str(site.volume.root), records=str(tmp_path), **WHO
        )
        assert (found["changed"], found["text"]) == (False, [])
