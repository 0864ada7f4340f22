"""The live snapshot, the way back and what is in use always stay; the rest by count, age and room."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible.module_utils.reingest.errors import Refusal
from ansible.module_utils.reingest.volume.prune import apply_pruning, plan_pruning
from clusters import core_of, process_in

A, B, C, D = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z", "20261104T000000Z"
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
OPERATOR = "0000-0002-1825-0097"


def plan(site, *, keep=2, keep_days=0, min_free=0, free=1, promoting=""):
    return plan_pruning(
        site.volume,
        keep=keep,
        keep_days=keep_days,
        min_free=min_free,
        free=free,
        now=NOW,
        promoting=promoting,
    )


def apply(site, pruning):
    apply_pruning(site.volume, pruning, run="prune", operator=OPERATOR)


def test_the_newest_stay_and_the_rest_goes(site):
    site.serve(A, B, C, D)
    pruning = plan(site)
    assert (pruning.keep, pruning.delete) == ((B, C, D), (A,))
    assert pruning.did() == [f"delete snapshot {A}"]
    assert pruning.diff() == {"before": f"{A}\n{B}\n{C}\n{D}\n", "after": f"{B}\n{C}\n{D}\n"}
    apply(site, pruning)
    assert site.volume.snapshots() == [B, C, D]
    assert site.events()[-1] == ("pruned", A)
    assert not plan(site).changed


def test_keep_1_leaves_the_live_one_and_the_way_back(site):
    site.serve(A, B, C)
    assert plan(site, keep=1).delete == (A,)


def test_keep_0_would_leave_no_way_back_and_is_refused(site):
    with pytest.raises(Refusal, match="reingest_keep is 0: at least 1, or there is no way back"):
        plan(site, keep=0)


def test_young_snapshots_stay_whatever_their_number(site):
    site.serve(A, B, C, D)
    assert plan(site, keep=1, keep_days=30).delete == ()
    assert plan(site, keep=1, keep_days=22).delete == (A,)


def test_where_room_is_short_the_count_gives_way_and_the_age_does_not(site):
    site.serve(A, B, C, D)
    assert plan(site, keep=3, min_free=10, free=9).delete == (A, B)
    assert plan(site, keep=3, min_free=10, free=10).delete == ()
    assert plan(site, keep=3, keep_days=22, min_free=10, free=9).delete == (A,)


def test_after_a_rollback_the_live_one_and_its_way_back_stay(site):
    site.serve(A, B, C)
    site.promote(B, run="back", kind="rollback")
    pruning = plan(site, keep=1)
    assert pruning.delete == ()
    assert set(pruning.keep) == {A, B, C}


def test_a_failed_snapshot_stays_until_a_newer_one_is_live(site):
    site.serve(A)
    site.load(B)
    site.promote(run="bad")
    site.recover(failed="no answer", run="bad")
    assert plan(site, keep=1).delete == ()
    site.serve(C)
    assert plan(site, keep=1).delete == (B,)


def test_snapshots_of_the_runbook_count_like_any_other(site):
    core_of(site.template, site.volume.staging / "2026-10-01T00:00:00+00:00", 5)
    core_of(site.template, site.volume.staging / "2026-10-02T00:00:00+00:00", 6)
    site.serve(A, B)
    assert plan(site, keep=3).delete == ()
    assert plan(site, keep=2).delete == ("2026-10-01T00:00:00+00:00",)


def test_before_the_first_promotion_nothing_goes(site):
    core_of(site.template, site.volume.staging / A, 5)
    assert not plan(site, keep=1).changed


def test_a_snapshot_in_use_stays(site):
    site.serve(A, B, C)
    with process_in(site.volume.snapshot(A)):
        assert plan(site, keep=1).delete == ()


def test_one_that_came_into_use_since_the_plan_keeps_all(site):
    site.serve(A, B, C, D)
    pruning = plan(site, keep=1)
    with process_in(site.volume.snapshot(B)) as pid, pytest.raises(Refusal, match=f"in use: process {pid} "):
        apply(site, pruning)
    assert site.volume.snapshots() == [A, B, C, D]


def test_a_deletion_that_was_interrupted_is_finished(site):
    site.serve(A, B)
    (site.volume.trash / A).mkdir(parents=True)
    pruning = plan(site)
    assert (pruning.leftovers, pruning.changed) == ((A,), True)
    apply(site, pruning)
    assert list(site.volume.trash.iterdir()) == []


def test_check_mode_counts_the_snapshot_that_this_run_would_make_live(site):
    site.serve(A, B, C)
    dry = plan(site, keep=1, promoting=D)
    site.serve(D)
    real = plan(site, keep=1)
    assert (dry.did(), dry.delete) == (real.did(), real.delete)


def test_what_is_no_snapshot_is_left_alone(site):
    site.serve(A, B)
    (site.volume.staging / "notes").mkdir()
    apply(site, plan(site, keep=1))
    assert (site.volume.staging / "notes").is_dir()
