"""A ledger that something else changed: what it stops, what it never stops, and how it is accepted."""

from __future__ import annotations

import json

import pytest

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}

pytestmark = pytest.mark.attack


@pytest.fixture
def changed(site):
    """Return a volume with two releases and a load, whose ledger says of a good release that it is bad."""
    site.serve(A, B)
    site.load(C)
    text = site.volume.ledger.read_text()
    site.volume.ledger.write_text(text.replace('"state": "good"', '"state": "pinned"', 1))
    site.claim(WHO["run"])
    return site


def options(site, **more):
    return {"volume": str(site.volume.root), **WHO, **more}


def recovered(site, run_module, tmp_path, playbook):
    here = {"records": str(tmp_path / "records"), "engine": "process"}
    more = {"state": "recovered", "look": True, "playbook": playbook}
    return run_module("switch_window", **options(site, **here, **more))


class TestStops:
    def test_a_promotion(self, changed, run_module):
        for plan_only in (True, False):
            refused = run_module("snapshot_promote", **options(changed, plan_only=plan_only))
            assert "is broken: line 3 does not follow" in refused["msg"]
        assert changed.volume.live() == B

    def test_a_dry_run_of_it_as_well(self, changed, run_module):
        assert "is broken" in run_module("snapshot_promote", check=True, **options(changed))["msg"]

    def test_a_pruning(self, changed, run_module):
        refused = run_module("snapshot_prune", **options(changed, keep=1))
        assert "is broken" in refused["msg"]
        assert changed.volume.snapshot(A).is_dir()

    def test_the_line_of_a_load(self, changed, run_module):
        more = {"snapshot": C, "system_identifier": "20261103000000", "staging_dsn": "", "load": {}}
        refused = run_module("snapshot_finalise", **options(changed, **more))
        assert "is broken" in refused["msg"]

    @pytest.mark.parametrize("playbook", ["ingest", "load", "promote", "prune", ""])
    def test_a_run_before_it_begins_and_after_the_recovery(self, changed, run_module, tmp_path, playbook):
        refused = recovered(changed, run_module, tmp_path, playbook)
        assert "is broken" in refused["msg"]
        assert refused["live"] == B


class TestNeverStops:
    def test_a_rollback(self, changed, run_module):
        back = run_module("snapshot_promote", **options(changed, snapshot=A, kind="rollback"))
        assert back["live"] == changed.volume.live() == A

    def test_a_recovery(self, changed, run_module, tmp_path):
        changed.volume.staging.joinpath("x").mkdir()
        found = recovered(changed, run_module, tmp_path, "recover")
        assert found["live"] == B

    @pytest.mark.parametrize("line", ["garbage", '{"version": 9}'])
    def test_the_adoption_before_a_recovery(self, changed, begin, line):
        with changed.volume.ledger.open("a") as out:
            out.write(line + "\n")
        found = begin(changed, playbook="recover")
        assert (found["changed"], found["first"]) == (False, [])
        assert "line 8 of" in json.dumps(found["warnings"])
        assert "line 8 of" in begin(changed, playbook="ingest")["msg"]

    @pytest.mark.parametrize("playbook", ["rollback", "pin"])
    def test_the_begin_of_a_run_that_goes_back_or_keeps_which_is_warned(
        self, changed, run_module, tmp_path, playbook
    ):
        found = recovered(changed, run_module, tmp_path, playbook)
        assert found["volume"]["live"] == B
        assert "is broken" in json.dumps(found["warnings"])

    def test_the_report_which_warns_and_has_it(self, changed, run_module, tmp_path):
        made = run_module("run_report", **options(changed, playbook="rollback", work=str(tmp_path / "work")))
        assert made["report"]["ledger"]["state"] == "broken"
        assert any("its chain is BROKEN" in line for line in made["text"])
        assert "is broken" in json.dumps(made["warnings"])
        assert not changed.volume.claim.exists()

    def test_its_being_told(self, changed, run_module):
        found = run_module("snapshot_info", volume=str(changed.volume.root))
        assert found["chain"]["broken"] == [{"line": 3, "why": "does not follow from what is before it"}]
        assert any(line.startswith("fault: the chain of") for line in found["text"])


class TestAnOperatorAcceptsIt:
    def test_as_it_is_and_then_runs_go_on_while_it_stays_on_the_record(self, changed, run_module, begin):
        content = run_module("snapshot_info", volume=str(changed.volume.root))["chain"]["accept"]
        dry = begin(changed, check=True, playbook="recover", accept_ledger=content)
        assert len(changed.ledger.entries) == 7
        accepting = {"playbook": "recover", "accept_ledger": content}
        first = begin(changed, **accepting)
        assert first["step"]["did"] == dry["step"]["did"]
        assert "accept the ledger" in first["step"]["did"][0]
        assert "failed" not in begin(changed, **accepting)  # a lost connection: started twice
        entry = changed.ledger.entries[-1]
        assert (entry.state, entry.operator, entry.detail["content"]) == (
            "accepted",
            WHO["operator"],
            content,
        )
        assert len(changed.ledger.entries) == 8
        found = run_module("snapshot_info", volume=str(changed.volume.root))
        assert (found["chain"]["state"], found["faults"]) == ("whole", [])
        assert any("accepted by an operator: line 3" in line for line in found["text"])
        assert run_module("snapshot_promote", **options(changed))["live"] == C

    def test_but_not_another_one_than_was_looked_at(self, changed, run_module, begin):
        content = run_module("snapshot_info", volume=str(changed.volume.root))["chain"]["accept"]
        text = changed.volume.ledger.read_text()
        changed.volume.ledger.write_text(text.replace('"state": "pinned"', '"state": "bad"'))
        refused = begin(changed, playbook="recover", accept_ledger=content)
        assert "is not the ledger that reingest_accept_ledger names" in refused["msg"]
        assert len(changed.ledger.entries) == 7

    def test_and_not_where_nothing_is_broken(self, site, begin):
        site.serve(A)
        refused = begin(site, playbook="recover", accept_ledger=site.ledger.entries[-1].chain)
        assert "is not broken: leave out reingest_accept_ledger" in refused["msg"]
        assert not site.volume.claim.exists()
