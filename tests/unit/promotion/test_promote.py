"""A promotion makes the load the live snapshot, once, or says why not."""

from __future__ import annotations

import errno
import os
import re
import stat

import pytest
from clusters import IN_PRODUCTION, core_of, edit_control, process_in

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.promotion.journal import read_intent
from plugins.module_utils.reingest.promotion.movable import probe_rename
from plugins.module_utils.reingest.promotion.promote import (
    plan_promotion,
    previous_snapshot,
)

A, B, C, D = (f"202611{day:02}T000000Z" for day in range(1, 5))
OPERATOR = "0000-0002-1825-0097"


def link_of(site):
    return str(site.volume.prod.readlink()) if site.volume.prod.is_symlink() else None


class TestPromotion:
    def test_the_first_one_makes_prod_a_relative_link(self, site):
        site.load(A)
        plan = site.promote()
        assert plan.did() == [
            f"move ingest to staging/{A}",
            "make a fresh ingest",
            f"point prod at staging/{A}",
        ]
        assert link_of(site) == f"staging/{A}"
        assert (site.volume.prod / "PG_VERSION").is_file()
        assert site.events() == [("loaded", A), ("live", A)]
        assert site.ledger.entries[-1].detail == {"previous": "", "kind": "promote"}
        assert read_intent(site.volume) is None

    def test_the_fresh_ingest_is_empty_and_has_owner_and_mode_of_the_old_one(self, site):
        site.load(A)
        site.volume.ingest.chmod(0o750)
        if os.geteuid() == 0:
            os.chown(site.volume.ingest, 999, 998)
        before = site.volume.ingest.stat()
        site.promote()
        after = site.volume.ingest.stat()
        assert list(site.volume.ingest.iterdir()) == []
        assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
        assert stat.S_IMODE(after.st_mode) == 0o750
        assert after.st_ino != before.st_ino

    def test_the_second_one_keeps_the_first_snapshot(self, site):
        site.serve(A, B)
        assert link_of(site) == f"staging/{B}"
        assert site.volume.snapshots() == [A, B]
        assert site.ledger.entries[-2].detail["previous"] == A

    def test_an_earlier_snapshot_is_promoted_by_its_name(self, site):
        site.serve(A, B)
        plan = site.promote(A, run="back", kind="rollback")
        assert plan.did() == [f"point prod at staging/{A}"]
        assert plan.diff() == {"before": f"prod -> staging/{B}\n", "after": f"prod -> staging/{A}\n"}
        assert site.volume.live() == A
        assert site.ledger.bad(B)

    def test_asking_again_by_the_same_run_finds_it_done(self, site):
        site.load(A)
        site.promote(run="one")
        for plan in (site.plan(run="one"), site.plan(A), site.plan(loaded=A)):
            assert (plan.changed, plan.did(), plan.snapshot) == (False, [], A)
        assert site.plan(run="one").previous == ""

    def test_a_dangling_prod_is_repaired(self, site):
        site.serve(A)
        site.load(B)
        site.volume.snapshot(A).rename(site.volume.root / "lost")
        assert site.promote(run="repair").previous == ""
        assert link_of(site) == f"staging/{B}"

    def test_a_damaged_live_snapshot_does_not_keep_another_from_taking_its_place(self, site):
        site.serve(A, B)
        edit_control(site.volume.snapshot(B), identifier=1, crc=False)
        assert site.promote(A, run="back", kind="rollback").changed
        assert site.volume.live() == A

    def test_check_mode_takes_the_load_and_the_stop_as_done(self, site):
        site.serve(A)
        (site.volume.ingest / "postmaster.pid").touch()
        dry = site.plan(loaded=B, dry=True)
        (site.volume.ingest / "postmaster.pid").unlink()
        site.load(B)
        real = site.plan(loaded=B)
        assert (dry.did(), dry.diff(), dry.changed) == (real.did(), real.diff(), True)

    def test_an_earlier_snapshot_that_was_not_shut_down_is_refused_before_anything_is_stopped(self, site):
        site.serve(A, B)
        (site.volume.snapshot(A) / "postmaster.pid").touch()
        with pytest.raises(Refusal, match=r"postmaster\.pid"):
            site.plan(A, dry=True)

    def test_check_mode_leaves_no_trace(self, site):
        site.serve(A)
        before = sorted(str(path) for path in site.volume.root.rglob("*"))
        site.plan(loaded=B, dry=True)
        assert sorted(str(path) for path in site.volume.root.rglob("*")) == before


class TestRefusal:
    def refused(self, site, match, **values):
        before = link_of(site)
        with pytest.raises(Refusal, match=match):
            site.promote(**values)
        assert link_of(site) == before
        assert read_intent(site.volume) is None
        assert site.volume.ingest.exists()

    def test_not_cleanly_shut_down(self, site):
        site.load(A)
        edit_control(site.volume.ingest, state=IN_PRODUCTION)
        self.refused(site, "ingest was not shut down cleanly .pg_control says: in production.")

    @pytest.mark.parametrize("name", ["postmaster.pid", "backup_label", "standby.signal", "recovery.signal"])
    def test_a_file_that_says_in_use(self, site, name):
        site.load(A)
        (site.volume.ingest / name).touch()
        self.refused(site, rf"ingest/{name} is there")

    def test_another_major(self, site, cluster):
        site.serve(A)
        core_of(cluster(18), site.volume.ingest, 77)
        site.record("loaded", B, "load", {"system_identifier": "77"})
        self.refused(site, r"ingest is of PostgreSQL 18, production is of 16: load with 16")

    def test_another_catalog_version(self, site):
        site.serve(A)
        site.load(B)
        edit_control(site.volume.ingest, catalog=202307070)
        self.refused(site, "catalog version 202307070, production has 202307071")

    def test_mode_0755(self, site):
        site.load(A)
        site.volume.ingest.chmod(0o755)
        self.refused(site, "ingest has mode 0755, PostgreSQL starts only on 0700 or 0750: chmod 0700")

    def test_a_tablespace(self, site):
        site.load(A)
        (site.volume.ingest / "pg_tblspc" / "16400").symlink_to("/srv/fast")
        self.refused(site, "pg_tblspc/16400 is a tablespace")

    def test_a_linked_pg_wal(self, site, tmp_path):
        site.load(A)
        (site.volume.ingest / "pg_wal").rename(tmp_path / "wal")
        (site.volume.ingest / "pg_wal").symlink_to(tmp_path / "wal")
        self.refused(site, "pg_wal is a link to")

    def test_an_empty_ingest(self, site):
        self.refused(site, "ingest holds no database: it is empty; load into it first")

    def test_a_load_without_its_line_in_the_ledger(self, site):
        site.load(A, finalised=False)
        self.refused(
            site,
            r"there is no load to promote: nothing was loaded to its end into .*ingest since the last "
            r"promotion; run load.yml",
        )

    def test_another_load_than_the_runs_own(self, site):
        site.load(A)
        with pytest.raises(Refusal, match=rf"there is no snapshot {B} in .* holds the load {A}"):
            site.plan(loaded=B)

    def test_a_snapshot_that_is_not_there(self, site):
        site.serve(A)
        self.refused(site, rf"there is no snapshot {C} in .*\(there are: {A}\)", snapshot=C)

    def test_a_name_that_is_no_snapshot_id(self, site):
        self.refused(site, r"'../ingest' is not a snapshot id", snapshot="../ingest")

    def test_prod_is_a_real_directory(self, site):
        site.load(A)
        site.volume.prod.mkdir()
        self.refused(site, "prod is a directory, not a link")

    def test_prod_leads_elsewhere(self, site, tmp_path):
        site.load(A)
        (tmp_path / "elsewhere").mkdir()
        site.volume.prod.symlink_to(tmp_path / "elsewhere")
        self.refused(site, "prod leads to .*/elsewhere, not to a snapshot in")

    def test_a_damaged_pg_control(self, site):
        site.load(A)
        edit_control(site.volume.ingest, identifier=1, crc=False)
        self.refused(site, "pg_control fails its checksum")

    def test_a_process_in_the_load(self, site):
        site.load(A)
        with process_in(site.volume.ingest) as pid:
            self.refused(
                site, rf"/ingest is in use: process {pid} \(sleep\) works in it; stop what is there in order"
            )

    def test_a_process_in_the_live_snapshot(self, site):
        site.serve(A)
        site.load(B)
        with process_in(site.volume.prod) as pid:
            self.refused(
                site, rf"{A} is in use: process {pid} \(sleep\) works in it; stop what is there in order"
            )

    def test_ingest_is_a_link(self, site, tmp_path):
        site.load(A)
        site.volume.ingest.rename(tmp_path / "elsewhere")
        site.volume.ingest.symlink_to(tmp_path / "elsewhere")
        self.refused(site, "ingest is a link to .*a rename would move only the link")

    def test_all_faults_are_told_at_once(self, site):
        site.load(A)
        site.volume.ingest.chmod(0o755)
        (site.volume.ingest / "backup_label").touch()
        self.refused(site, "mode 0755.*backup_label is there")


class TestProbe:
    def test_two_mounts_are_refused_and_the_probe_is_gone(self, site):
        site.load(A)

        def rename(source, target, **folders):
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        with pytest.raises(Refusal, match="different mounts or quota projects; mount the whole volume"):
            probe_rename(site.volume, rename)
        assert not list(site.volume.ingest.glob(".reingest-probe*"))

    def test_a_probe_that_a_crash_left_is_no_hindrance(self, site):
        site.load(A)
        (site.volume.ingest / ".reingest-probe").mkdir()
        probe_rename(site.volume)
        assert not list(site.volume.ingest.glob(".reingest-probe*"))
        assert list(site.volume.staging.iterdir()) == []

    def test_another_error_is_not_taken_for_it(self, site):
        site.load(A)

        def rename(source, target, **folders):
            raise OSError(errno.EIO, "Input/output error")

        with pytest.raises(OSError, match="Input/output error"):
            probe_rename(site.volume, rename)
        assert not list(site.volume.ingest.glob(".reingest-probe*"))


class TestBadSnapshots:
    def test_one_that_was_left_for_being_bad_is_refused_by_name_with_who_when_and_why(self, site):
        site.serve(A, B)
        site.promote(A, run="back", kind="rollback")
        marked = site.ledger.bad_line(B)
        said = f"snapshot {B} is bad, marked by {OPERATOR} at {marked.at} in run back"
        for kind in ("promote", "rollback"):
            with pytest.raises(Refusal, match=re.escape(f"{said} (rolled back to {A}): promote another one")):
                site.promote(B, run="again", kind=kind)
        assert site.volume.live() == A
        site.promote(B, run="again", force=True)
        assert (site.volume.live(), site.ledger.bad(B)) == (B, False)

    def test_one_whose_switch_failed_is_refused_by_name_too(self, site):
        site.serve(A)
        site.load(B)
        site.promote(run="bad")
        site.recover(failed="no answer", run="bad")
        with pytest.raises(Refusal, match=r"in run bad \(no answer\): promote another one, or this one with"):
            site.plan(B)
        assert site.plan(B, force=True).changed

    def test_a_load_of_the_same_is_refused_after_a_rollback_and_another_one_is_not(self, site):
        site.serve(A, B)
        site.promote(A, run="back", kind="rollback")
        site.load(C, digest=f"digest of {B}")
        for asked in ({}, {"snapshot": C}, {"loaded": C}):
            with pytest.raises(Refusal, match=f"the dataset, the schema and the sources of snapshot {B}"):
                site.plan(**asked)
        assert site.plan(force=True).changed
        site.load(D)
        assert site.plan().snapshot == D

    def test_a_load_of_the_same_may_follow_a_switch_that_failed(self, site):
        site.serve(A)
        site.load(B)
        site.promote(run="bad")
        site.recover(failed="no answer", run="bad")
        site.load(C, digest=f"digest of {B}")
        assert site.plan().snapshot == C

    def test_a_failed_switch_does_not_make_up_for_an_earlier_rollback(self, site):
        site.serve(A, B)
        site.promote(A, run="back", kind="rollback")
        site.load(C, digest=f"digest of {B}")
        site.promote(run="insists", force=True)
        site.recover(failed="no answer", run="insists")
        site.load(D, digest=f"digest of {B}")
        with pytest.raises(Refusal, match=f"the sources of snapshot {B}"):
            site.plan()

    def test_what_serves_again_is_not_bad_any_more(self, site):
        site.serve(A, B)
        site.promote(A, run="back", kind="rollback")
        site.promote(B, run="insists", force=True)
        site.serve(C)
        site.load(D, digest=f"digest of {B}")
        assert site.plan().snapshot == D

    def test_a_snapshot_that_served_well_may_have_the_sources_of_a_bad_one(self, site):
        site.serve(A)
        site.load(B, digest=f"digest of {A}")
        site.promote(run="two")
        site.serve(C)
        site.promote(B, run="back", kind="rollback")
        site.promote(A, run="further", kind="rollback")
        assert site.ledger.bad(B)
        assert site.plan(C, force=True).changed
        assert site.ledger.rolled_back(f"digest of {A}") is None


class TestWayBack:
    def test_it_is_the_snapshot_before_the_live_one(self, site):
        site.serve(A, B, C)
        assert previous_snapshot(site.volume) == B

    def test_after_a_rollback_it_is_one_further_and_never_the_bad_one(self, site):
        site.serve(A, B, C)
        site.promote(previous_snapshot(site.volume), run="back", kind="rollback")
        assert site.volume.live() == B
        assert previous_snapshot(site.volume) == A

    def test_asked_twice_by_one_run_it_goes_back_once(self, site):
        site.serve(A, B, C)
        for _ in range(2):
            site.promote(previous_snapshot(site.volume, run="back"), run="back", kind="rollback")
        assert site.volume.live() == B

    def test_a_promotion_that_was_undone_does_not_count(self, site):
        site.serve(A, B)
        site.load(C)
        site.promote(run="bad")
        site.recover(failed="no answer", run="bad")
        assert previous_snapshot(site.volume) == A

    def test_a_snapshot_that_was_pruned_does_not_count(self, site):
        site.serve(A, B, C)
        site.volume.snapshot(B).rename(site.volume.root / "gone")
        assert previous_snapshot(site.volume) == A

    def test_none_is_refused_with_what_there_is(self, site):
        site.serve(A)
        with pytest.raises(Refusal, match=r"no earlier good snapshot to go back to .others .*: none."):
            previous_snapshot(site.volume)


def test_a_volume_that_is_not_there_is_refused(tmp_path):
    from plugins.module_utils.reingest.volume.layout import open_volume

    with pytest.raises(Refusal, match="nowhere is not there: mount it, or correct reingest_volume"):
        open_volume(tmp_path / "nowhere")


def test_links_of_the_runbook_are_read(site):
    name = "2026-11-01T00:00:00+00:00"
    core_of(site.template, site.volume.staging / name, 5)
    site.volume.prod.symlink_to(site.volume.root / "staging" / name)
    assert site.volume.live() == name
    site.load(B)
    assert plan_promotion(site.volume, "", loaded="", dry=False).previous == name
