"""The modules of the volume through their real ``main``: run, run again, run dry, refused."""

from __future__ import annotations

import json

import pytest
from clusters import process_in

from plugins.module_utils.reingest.carry.copies import keep_for_ever
from plugins.module_utils.reingest.carry.record import empty_carried_folder

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}
STEP = {
    "stage": "load",
    "started": "2026-11-23T12:00:00.000+00:00",
    "seconds": 1.0,
    "changed": True,
    "did": ["load study"],
    "detail": {},
}


@pytest.fixture
def site(make_site):
    site = make_site()
    site.claim(WHO["run"])
    return site


def files(volume):
    return sorted((str(path), path.lstat().st_mtime_ns) for path in volume.root.rglob("*"))


class TestPromote:
    def test_promotes_the_load_once_and_returns_its_release(self, site, run_module):
        site.load(A)
        first = run_module("snapshot_promote", volume=str(site.volume.root), **WHO)
        assert (first["changed"], first["snapshot"], first["previous"], first["release"]) == (
            True,
            A,
            "",
            "r20261101",
        )
        assert first["step"]["did"][-1] == f"point prod at staging/{A}"
        assert first["diff"]["after"].startswith(f"prod -> staging/{A}\n")
        again = run_module("snapshot_promote", volume=str(site.volume.root), **WHO)
        assert (again["changed"], again["snapshot"]) == (False, A)

    def test_check_mode_reports_the_promotion_and_touches_nothing(self, site, run_module):
        site.serve(A)
        site.load(B)
        before = files(site.volume)
        dry = run_module("snapshot_promote", check=True, volume=str(site.volume.root), **WHO)
        assert dry["changed"]
        assert files(site.volume) == before
        real = run_module("snapshot_promote", volume=str(site.volume.root), **WHO)
        assert (real["step"]["did"], real["diff"]) == (dry["step"]["did"], dry["diff"])

    def test_check_mode_takes_a_load_that_is_still_to_come_as_done(self, site, run_module):
        dry = run_module(
            "snapshot_promote", check=True, volume=str(site.volume.root), loaded=A, release="r9", **WHO
        )
        assert (dry["changed"], dry["snapshot"], dry["release"]) == (True, A, "r9")
        assert not site.volume.staging.exists()

    def test_a_rollback_that_is_retried_goes_back_once(self, site, run_module):
        site.serve(A, B, C)
        options = {"volume": str(site.volume.root), "kind": "rollback", **WHO}
        assert run_module("snapshot_promote", **options)["live"] == B
        assert run_module("snapshot_promote", **options)["live"] == B

    def test_a_bad_snapshot_is_promoted_by_force_only(self, site, run_module):
        site.serve(A, B)
        options = {"volume": str(site.volume.root), **WHO}
        run_module("snapshot_promote", kind="rollback", why="no search", **options)
        for plan_only in (True, False):
            refused = run_module("snapshot_promote", snapshot=B, plan_only=plan_only, **options)
            assert f"snapshot {B} is bad, marked by {WHO['operator']} at " in refused["msg"]
            assert "in run run-1 (no search): promote another one" in refused["msg"]
        assert run_module("snapshot_promote", snapshot=B, force=True, **options)["live"] == B

    def test_an_adopted_snapshot_that_only_a_release_would_prove_is_refused_before_the_window(
        self, site, run_module
    ):
        site.serve(A, B)
        site.record("adopted", A, "run-0")
        options = {"volume": str(site.volume.root), "snapshot": A, "plan_only": True, **WHO}
        refused = run_module("snapshot_promote", by_release=True, **options)
        assert f"nothing would prove that the portal serves {A}" in refused["msg"]
        assert "reingest_backend_dsn" in refused["msg"]
        for more in ({"by_release": True, "accept": "served"}, {"by_release": False}):
            assert run_module("snapshot_promote", **options, **more)["needed"]
        assert "failed" not in run_module("snapshot_promote", by_release=True, **{**options, "snapshot": B})

    def test_a_refusal_names_what_is_wrong_and_has_its_step(self, site, run_module):
        result = run_module("snapshot_promote", volume=str(site.volume.root), **WHO)
        assert result["failed"]
        assert "holds no database" in result["msg"]
        assert result["step"]["did"] == []

    def test_another_runs_claim_is_respected(self, make_site, run_module, begin):
        site = make_site()
        site.load(A)
        begin(site, run="run-2")
        result = run_module("snapshot_promote", volume=str(site.volume.root), **WHO)
        assert "the volume is held by run run-2" in result["msg"]
        assert not site.volume.prod.exists()


class TestLock:
    def test_a_claim_is_given_once_and_again_to_the_same_run(self, site, begin):
        assert begin(site)["operator"] == WHO["operator"]
        assert "failed" not in begin(site)
        refused = begin(site, run="run-2")
        assert refused["failed"]
        assert refused["holder"]["run"] == "run-1"

    def test_a_claim_that_was_given_back_is_free(self, site, run_module, begin):
        begin(site)
        run_module("run_lock", volume=str(site.volume.root), state="released", **WHO)
        assert "failed" not in begin(site, run="run-2")

    def test_only_the_run_that_is_named_is_replaced(self, site, begin):
        begin(site)
        assert begin(site, run="run-2", take_over="run-0")["failed"]
        assert "failed" not in begin(site, run="run-2", take_over="run-1")

    def test_check_mode_claims_nothing_but_is_refused_like_the_run(self, make_site, begin):
        site = make_site()
        assert "failed" not in begin(site, check=True)
        assert not site.volume.records.exists()
        begin(site, run="run-2")
        assert begin(site, check=True)["failed"]

    def test_somebody_who_is_no_operator_is_refused(self, site, begin):
        refused = begin(site, operator="0000-0001-5109-3700")
        assert "is not one of the operators" in refused["msg"]


class TestFinalise:
    def options(self, site, snapshot, identifier="20261101000000"):
        load = {"release": "r1", "digest": "d", "tables": {}}
        return {
            "volume": str(site.volume.root),
            "snapshot": snapshot,
            "system_identifier": identifier,
            "staging_dsn": "postgresql://loader:secret@127.0.0.1:1/postgres",
            "load": load,
            **WHO,
        }

    def test_a_load_that_is_finalised_stays_as_it_is(self, site, run_module):
        site.load(A)
        for check in (True, False):
            kept = run_module("snapshot_finalise", check=check, **self.options(site, A))
            assert (kept["changed"], kept["step"]["did"]) == (False, [])
        assert site.events() == [("loaded", A)]

    def test_check_mode_predicts_it(self, site, run_module):
        dry = run_module("snapshot_finalise", check=True, **self.options(site, A))
        assert dry["changed"]
        assert dry["step"]["did"] == ["vacuum and sync the load", f"write load {A} into the ledger"]
        assert not site.volume.staging.exists()

    def test_a_line_of_a_time_before_there_were_records_is_made_anew(self, site, run_module):
        site.load(A, finalised=False)
        site.record("loaded", A, "load", {"system_identifier": "20261101000000"})
        assert run_module("snapshot_finalise", check=True, **self.options(site, A))["changed"]

    def test_a_server_that_does_not_answer_is_refused_without_its_password(self, site, run_module):
        site.load(A, finalised=False)
        refused = run_module("snapshot_finalise", **self.options(site, A))
        assert "no PostgreSQL answers at 127.0.0.1:1" in refused["msg"]
        assert "secret" not in refused["msg"]
        assert site.events() == []

    def test_another_servers_directory_is_refused(self, site, run_module):
        site.load(A, finalised=False)
        for check in (True, False):
            refused = run_module("snapshot_finalise", check=check, **self.options(site, A, identifier="7"))
            assert "is not the data directory of the staging server that was loaded" in refused["msg"]

    def test_settings_that_a_power_cut_would_make_costly_are_refused(self, site, run_module):
        site.load(A, finalised=False)
        (site.volume.ingest / "postgresql.auto.conf").write_text("fsync = 'off'\n")
        for check in (True, False):
            refused = run_module("snapshot_finalise", check=check, **self.options(site, A))
            assert "ingest/postgresql.auto.conf:1 sets fsync = off" in refused["msg"]

    def test_the_id_of_a_snapshot_that_is_there_is_refused(self, site, run_module):
        site.serve(A)
        site.load(B, finalised=False)
        for check in (True, False):
            refused = run_module("snapshot_finalise", check=check, **self.options(site, A, "20261102000000"))
            assert f"the load cannot be named {A}" in refused["msg"]


class TestPrune:
    def test_deletes_what_the_rules_let_go_and_nothing_on_a_second_run(self, site, run_module):
        site.serve("20260101T000000Z", "20260102T000000Z", "20260103T000000Z", "20260104T000000Z")
        options = {"volume": str(site.volume.root), "keep": 1, **WHO}
        dry = run_module("snapshot_prune", check=True, **options)
        assert len(site.volume.snapshots()) == 4
        real = run_module("snapshot_prune", **options)
        assert real["deleted"] == dry["deleted"] == ["20260101T000000Z", "20260102T000000Z"]
        assert real["kept"] == site.volume.snapshots() == ["20260103T000000Z", "20260104T000000Z"]
        assert not run_module("snapshot_prune", **options)["changed"]

    def test_no_way_back_is_refused(self, site, run_module):
        refused = run_module("snapshot_prune", volume=str(site.volume.root), keep=0, **WHO)
        assert "at least 1" in refused["msg"]

    def test_no_room_is_made_for_a_load_of_what_a_rollback_left_for_being_bad(self, site, run_module):
        site.serve(A, B)
        site.promote(A, run="back", kind="rollback")
        options = {"volume": str(site.volume.root), "purpose": "load", **WHO}
        for check in (True, False):
            refused = run_module("snapshot_prune", check=check, digest=f"digest of {B}", **options)
            assert f"the sources of snapshot {B}, which is bad, marked by {WHO['operator']}" in refused["msg"]
            assert "failed" not in run_module("snapshot_prune", check=check, digest="another", **options)
        assert "failed" not in run_module("snapshot_prune", **options)

    def test_a_size_that_is_none_is_refused(self, site, run_module):
        assert (
            "min_free"
            in run_module("snapshot_prune", volume=str(site.volume.root), min_free="lots", **WHO)["msg"]
        )

    def test_what_cannot_be_deleted_is_told_and_is_a_change_only_while_something_goes(self, site, run_module):
        site.serve(A, B, C)
        options = {"volume": str(site.volume.root), "keep": 1, **WHO}
        site.claim(WHO["run"])
        with process_in(site.volume.root):  # of nobody's concern: it works in no snapshot
            first = run_module("snapshot_prune", **options)
        assert (first["changed"], first["deleted"], first["undeleted"]) == (True, [A], [])
        (site.volume.trash / B).mkdir()
        with process_in(site.volume.trash / B):
            again = run_module("snapshot_prune", **options)
        assert (again["changed"], len(again["undeleted"])) == (False, 1)
        assert "is in use (process " in again["undeleted"][0]
        assert again["step"]["detail"] == {"undeleted": again["undeleted"]}
        assert again["undeleted"][0] in json.dumps(again["warnings"])
        assert run_module("snapshot_prune", **options)["changed"]

    def test_room_for_a_load_is_made_only_where_it_is_short(self, site, run_module):
        site.serve(A, B, C)
        site.claim(WHO["run"])
        options = {"volume": str(site.volume.root), "keep": 1, "purpose": "load", "stage": "load", **WHO}
        enough = run_module("snapshot_prune", **options)
        assert (enough["changed"], enough["kept"], enough["step"]["stage"]) == (False, [A, B, C], "load")
        for check in (True, False):
            refused = run_module("snapshot_prune", check=check, min_free="900T", **options)
            assert "the next load needs 900.0 TiB" in refused["msg"]
        assert site.volume.snapshots() == [A, B, C]


class TestPin:
    def test_pins_and_unpins_once_and_says_so_before(self, site, run_module):
        site.serve(A)
        site.claim(WHO["run"])
        options = {"volume": str(site.volume.root), "snapshot": A, "why": "cited", **WHO}
        for state, did in (("pinned", f"pin snapshot {A}"), ("unpinned", f"unpin snapshot {A}")):
            dry = run_module("snapshot_pin", check=True, state=state, **options)
            real = run_module("snapshot_pin", state=state, **options)
            assert dry["changed"]
            assert real["step"]["did"] == dry["step"]["did"] == [did]
            assert real["diff"] == dry["diff"]
            assert real["pinned"] == (state == "pinned")
            assert site.events()[-1] == (state, A)
            assert site.ledger.entries[-1].why == "cited"
            assert not run_module("snapshot_pin", state=state, **options)["changed"]

    def test_what_is_not_there_is_refused(self, site, run_module):
        site.serve(A)
        site.claim(WHO["run"])
        refused = run_module("snapshot_pin", volume=str(site.volume.root), snapshot=B, **WHO)
        assert "is not on the volume" in refused["msg"]

    def test_another_runs_claim_is_respected(self, site, run_module):
        site.serve(A)
        site.claim("run-2")
        refused = run_module("snapshot_pin", volume=str(site.volume.root), snapshot=A, **WHO)
        assert "the volume is held by run run-2" in refused["msg"]
        assert site.events()[-1][0] != "pinned"


class TestPruneCopies:
    def test_a_copy_that_is_accepted_is_in_the_plan_and_goes(self, site, run_module):
        site.serve(A, B)
        folder = empty_carried_folder(site.volume, "run-1")
        keep_for_ever(folder, ("table t: 3 rows",))

        def prune(**more):
            return run_module("snapshot_prune", volume=str(site.volume.root), **WHO, **more)

        assert prune()["step"]["did"] == []
        planned = prune(accept="copies:run-1", check=True)
        assert planned["step"]["did"] == [f"delete {folder}, the only place of rows of users"]
        assert planned["changed"]
        assert folder.exists()
        done = prune(accept="copies:run-1")
        assert done["step"]["did"] == planned["step"]["did"]
        assert not folder.exists()
        assert not prune(accept="copies:run-1")["changed"]


class TestInfo:
    def test_says_what_is_live_kept_and_loaded(self, site, run_module):
        site.serve(A, B)
        site.load(C)
        found = run_module("snapshot_info", volume=str(site.volume.root), sizes=True)
        assert (found["live"], found["previous"], found["loaded"]) == (B, A, C)
        assert [(one["snapshot"], one["state"]) for one in found["snapshots"]] == [
            (A, "good"),
            (B, "live"),
            (C, "loaded"),
        ]
        assert all(one["bytes"] > 0 for one in found["snapshots"])
        assert any(line.startswith(B) and "live" in line for line in found["text"])
        assert not found["changed"]

    def test_a_fault_of_the_volume_is_listed(self, site, run_module):
        site.volume.prod.mkdir()
        (fault,) = run_module("snapshot_info", volume=str(site.volume.root))["faults"]
        assert "is a directory, not a link" in fault

    def test_a_missing_volume_is_refused(self, tmp_path, run_module):
        assert "is not there" in run_module("snapshot_info", volume=str(tmp_path / "gone"))["msg"]


def test_a_dry_run_that_is_refused_leaves_nothing_on_a_host_without_the_volume(run_module, tmp_path):
    work = {"work": str(tmp_path / "work"), "engine": "process", "check": True, **WHO}
    run_module("service_group", state="healthy", **work)
    assert (tmp_path / "work/run-1/steps.jsonl").is_file()
    run_module("run_lock", state="released", **work)
    assert list(tmp_path.iterdir()) == []


class TestReport:
    def test_is_kept_on_the_volume_and_is_no_change(self, site, run_module):
        options = {"volume": str(site.volume.root), "playbook": "ingest", "steps": [STEP], **WHO}
        result = run_module("run_report", **options)
        assert not result["changed"]
        kept = json.loads((site.volume.run("run-1") / "report.json").read_text())
        assert kept == result["report"]
        assert (kept["outcome"], kept["stages"][0]["did"]) == ("done", ["load study"])
        page = site.volume.run("run-1") / "report.html"
        assert "load study" in page.read_text()
        assert page.stat().st_mode & 0o777 == 0o600

    def test_a_plan_is_printed_and_not_kept(self, site, run_module):
        options = {"volume": str(site.volume.root), "playbook": "ingest", "steps": [STEP], **WHO}
        result = run_module("run_report", check=True, **options)
        assert result["report"]["outcome"] == "planned"
        assert not site.volume.staging.exists()
