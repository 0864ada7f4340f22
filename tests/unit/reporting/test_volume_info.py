"""The state of a volume: told whole where it is whole, and as far as can be where it is not."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone

import pytest
from attacker import let_pass
from clusters import core_of, unprivileged

from plugins.module_utils.reingest.fs.sizes import measure
from plugins.module_utils.reingest.promotion.journal import Intent, Place, open_intent
from plugins.module_utils.reingest.reporting.listing import listing, shown_age
from plugins.module_utils.reingest.reporting.volume_info import describe
from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.lock import verb

A, B, C, D, E = (f"2026110{day}T000000Z" for day in range(1, 6))
OPERATOR = "0000-0002-1825-0097"
KEYS = {"snapshot", "state", "release", "bytes", "loaded_at", "age_seconds", "pinned", "way_back", "why"}


def states(found):
    return {one["snapshot"]: one["state"] for one in found["snapshots"]}


def row(found, snapshot):
    (line,) = (line for line in listing(found) if line.startswith(snapshot))
    return line


def test_a_volume_before_its_first_run(site):
    found = describe(site.volume)
    assert (found["live"], found["previous"], found["loaded"], found["snapshots"]) == ("", "", "", [])
    assert (found["lock"], found["faults"], found["interrupted"]) == (None, [], "")
    assert "nothing is live: run ingest.yml, or promote.yml for a load that is there" in listing(found)
    assert "the next load: what it needs is not known yet (nothing was loaded yet)" in listing(found)
    assert not site.volume.records.exists()


def test_each_snapshot_has_its_state_and_all_that_is_known(site):
    site.serve(A, B)
    site.load(C)
    site.promote(run="bad")
    site.recover(failed="the portal does not answer", run="bad")
    core_of(site.template, site.volume.staging / D, 5)
    site.record(ledger_file.ADOPTED, D, "adopt")
    core_of(site.template, site.volume.staging / "2026-10-01T00:00:00+00:00", 6)
    site.load(E)
    site.record(ledger_file.PINNED, A, "pin")
    found = describe(site.volume)
    assert (found["live"], found["previous"], found["loaded"], found["faults"]) == (B, A, E, [])
    assert states(found) == {
        "2026-10-01T00:00:00+00:00": "unknown",
        A: "good",
        B: "live",
        C: "bad",
        D: "adopted",
        E: "loaded",
    }
    assert all(set(one) == KEYS for one in found["snapshots"])
    by_name = {one["snapshot"]: one for one in found["snapshots"]}
    assert (by_name[A]["pinned"], by_name[A]["way_back"], by_name[A]["release"]) == (True, True, "r20261101")
    assert by_name[C]["why"] == "the portal does not answer"
    assert row(found, A).endswith("pinned; the way back")
    assert row(found, C).endswith("the portal does not answer")
    assert row(found, "2026-10-01").endswith("not in the ledger: no rule deletes it before it is adopted")
    json.dumps(found)


def test_sizes_are_those_of_the_ledger_unless_they_are_measured(site):
    site.serve(A)
    assert describe(site.volume)["snapshots"][0]["bytes"] is None
    site.record(ledger_file.LOADED, A, "size", {"bytes": 5 << 30})
    found = describe(site.volume)
    assert found["snapshots"][0]["bytes"] == 5 << 30
    assert "5.0 GiB" in row(found, A)
    measured = describe(site.volume, sizes=True)["snapshots"][0]["bytes"]
    assert measured == measure(site.volume.snapshot(A)).bytes > 8192


def test_ages_are_by_the_ledger(site):
    site.serve(A)
    later = datetime.now(timezone.utc) + timedelta(days=40, minutes=1)
    found = describe(site.volume, now=later)
    assert found["snapshots"][0]["age_seconds"] // 86400 == 40
    assert "40 d" in row(found, A)
    earlier = describe(site.volume, now=later - timedelta(days=4000))
    assert earlier["snapshots"][0]["age_seconds"] == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (59, "59 s"), (3599, "59 min"), (7200, "2 h"), (86400 * 3, "3 d")]
)
def test_an_age_as_a_person_reads_it(seconds, text):
    assert shown_age(seconds) == text


def test_what_is_under_way_is_told_with_who_since_when_and_what(site):
    site.serve(A)
    site.claim("run-7")
    assert describe(site.volume)["working"] is None
    with verb(site.volume, "run-7", phase="promotes"):
        found = describe(site.volume)
    assert (found["lock"]["run"], found["lock"]["operator"]) == ("run-7", OPERATOR)
    assert (found["lock"]["phase"], found["lock"]["since"]) == ("promotes", "2026-11-23T12:00:00+00:00")
    assert (found["working"]["pid"], found["working"]["run"]) == (os.getpid(), "run-7")
    lines = listing(found)
    assert any(
        line.startswith(f"under way: run run-7 of {OPERATOR} since 2026-11-23T12:00:00+00:00, promotes")
        for line in lines
    )
    assert f"at work on the volume: process {os.getpid()} of run run-7" in lines


def test_an_interrupted_promotion_is_told_and_is_no_fault(site):
    site.serve(A)
    open_intent(site.volume, Intent("dead", OPERATOR, "ingest", B, A, "ingest", Place(1, "1")))
    found = describe(site.volume)
    assert found["interrupted"] == f"run dead was interrupted while it promoted {B}"
    assert (found["faults"], found["promotion"]["snapshot"]) == ([], B)
    assert any("run recover.yml" in line for line in listing(found))


def test_an_interrupted_pruning_and_what_it_left_are_told(site):
    site.serve(A, B)
    (site.volume.trash / C).mkdir(parents=True)
    (site.volume.records / "prune.json").write_text(
        json.dumps({"run": "dead", "operator": "", "snapshots": {C: C}, "why": {}, "version": 1})
    )
    lines = listing(describe(site.volume))
    assert "run dead was interrupted while it deleted snapshots: run prune.yml, which resumes" in lines
    assert any(line.startswith(f"not deleted yet: {C} in .reingest/trash, ") for line in lines)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"failed": "no answer"}, ["the switch is taken back: no answer"]),
        (
            {"watched": False},
            ["no watchdog will recover that switch (its watchdog is gone): run recover.yml"],
        ),
        (
            {"rebooted": True},
            ["no watchdog will recover that switch (the machine was started again since): run recover.yml"],
        ),
    ],
)
def test_a_switch_under_way_is_told_with_who_ends_it(site, changes, told):
    window = {"run": "x", "operator": OPERATOR, "snapshot": A, "since": "10:00", "fault": ""}
    state = {"failed": "", "rebooted": False, "watched": True, **changes}
    lines = listing({**describe(site.volume), "window": {**window, **state}})
    head = f"the portal is away: run x of {OPERATOR} switches to {A} since 10:00"
    assert lines[1 : 2 + len(told)] == [head, *told]


def test_a_switch_that_cannot_be_told_is_told_as_that(site):
    site.volume.records.mkdir()
    (site.volume.records / "window.json").write_text("{")
    assert any(
        line.startswith("a switch is under way, its record cannot be read: ")
        for line in listing(describe(site.volume))
    )


def test_what_the_next_load_needs_is_told_with_what_is_free(site):
    site.serve(A)
    site.record(ledger_file.LOADED, A, "size", {"bytes": 1 << 50})
    found = describe(site.volume)
    assert found["space"]["next_load_bytes"] > 1 << 50
    assert found["space"]["total_bytes"] > found["space"]["free_bytes"] > 0
    assert any("more than is free: older snapshots give way before it" in line for line in listing(found))


class TestDamaged:
    """Each damage is a fault, and the rest is told all the same."""

    @pytest.fixture
    def served(self, site):
        site.serve(A, B)
        site.claim()
        return site

    def told(self, site):
        found = describe(site.volume)
        assert listing(found)
        assert set(states(found)) >= {A, B}
        return found

    def test_prod_is_a_directory(self, served):
        served.volume.prod.unlink()
        served.volume.prod.mkdir()
        (fault,) = self.told(served)["faults"]
        assert "prod is a directory, not a link" in fault

    def test_a_line_of_the_ledger(self, served):
        lines = served.volume.ledger.read_text().splitlines()
        served.volume.ledger.write_text("\n".join(["garbage", *lines]) + "\n")
        found = self.told(served)
        assert "line 1 of" in found["faults"][0]
        assert states(found) == {A: "good", B: "live"}

    def test_a_whole_ledger_of_garbage(self, served):
        served.volume.ledger.write_bytes(b"\x00\xff\n[]\n7\n{}\n" + b'{"version": 9}\n')
        found = self.told(served)
        assert states(found) == {A: "unknown", B: "live"}
        assert len(found["faults"]) == 5

    @pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"version": 9}', '{"version": 1}'])
    @pytest.mark.parametrize(
        "name", ["journal.json", "claim.json", "prune.json", "unsynced.json", "window.json"]
    )
    def test_a_file_of_the_records(self, served, name, text):
        (served.volume.records / name).write_text(text)
        self.told(served)

    def test_a_mark_that_nobody_can_read_stops_no_run_but_its_load_starts_over(self, served):
        served.volume.unsynced.write_text("{")
        found = self.told(served)
        assert (found["lost"], found["faults"]) == (True, [])

    def test_a_snapshot_whose_control_file_is_damaged(self, served):
        (served.volume.snapshot(A) / "global/pg_control").write_bytes(b"x")
        self.told(served)

    def test_an_ingest_that_cannot_be_told(self, served):
        served.load(C)
        (served.volume.ingest / "global/pg_control").write_bytes(b"x")
        (fault,) = self.told(served)["faults"]
        assert "pg_control" in fault


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another account")
def test_an_account_that_may_see_only_a_part_is_told_that_part(site, monkeypatch):
    site.serve(A, B)
    let_pass(site.volume.root)
    owner = unprivileged()
    os.setegid(owner.pw_gid)
    os.seteuid(owner.pw_uid)
    try:
        found = describe(site.volume, sizes=True)
    finally:
        os.seteuid(0)
        os.setegid(0)
    assert found["live"] == B
    assert any("cannot be read (Permission denied): run as root" in fault for fault in found["faults"])
    assert listing(found)
