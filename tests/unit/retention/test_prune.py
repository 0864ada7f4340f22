"""The live snapshot, the way back and what is in use always stay; the rest by count, age and room."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from clusters import core_of, edit_control, process_in

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.sizes import measure
from plugins.module_utils.reingest.promotion.journal import Intent, open_intent, place_of
from plugins.module_utils.reingest.retention import trash
from plugins.module_utils.reingest.retention.prune import apply_pruning, plan_pruning
from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.unsaved import hold, unsaved

A, B, C, D = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z", "20261104T000000Z"
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
OPERATOR = "0000-0002-1825-0097"


def plan(site, *, keep=2, keep_days=0, min_free=0, free=1, promoting="", now=NOW, lost=()):
    return plan_pruning(
        site.volume,
        keep=keep,
        keep_days=keep_days,
        min_free=min_free,
        free=free,
        now=now,
        promoting=promoting,
        lost=lost,
    )


def apply(site, pruning):
    return apply_pruning(site.volume, pruning, run="prune", operator=OPERATOR)


def test_the_newest_stay_and_the_rest_goes(site):
    site.serve(A, B, C, D)
    pruning = plan(site)
    assert (pruning.keep, pruning.delete) == ((B, C, D), (A,))
    assert pruning.did() == [f"delete snapshot {A}: more than the 2 that are kept"]
    assert pruning.diff() == {
        "before": f"{A}\n{B}\n{C}\n{D}\n",
        "after": f"{B}: one of the 2 that are kept\n{C}: the way back\n{D}: live\n",
    }
    apply(site, pruning)
    assert site.volume.snapshots() == [B, C, D]
    line = site.ledger.entries[-1]
    assert (line.state, line.snapshot, line.why) == ("pruned", A, "more than the 2 that are kept")
    assert not plan(site).changed


def test_a_snapshot_whose_users_rows_are_nowhere_else_stays_until_losing_them_is_accepted(site):
    site.serve(A, B, C, D)
    hold(site.volume, A, run="run-1", why="it was left without carrying them over")
    pruning = plan(site, min_free=1 << 60)
    assert A in pruning.keep
    told = "users' rows are nowhere else (it was left without carrying them over): "
    assert pruning.why[A] == f"{told}-e reingest_accept=rows:{A} accepts losing them"
    accepted = plan(site, lost=[A])
    assert accepted.delete == (A,)
    apply(site, accepted)
    assert unsaved(site.volume, A) is None


def test_keep_1_leaves_the_live_one_and_the_way_back(site):
    site.serve(A, B, C)
    assert plan(site, keep=1).delete == (A,)


def test_keep_0_would_leave_no_way_back_and_is_refused(site):
    with pytest.raises(Refusal, match="reingest_keep is 0: at least 1, or there is no way back"):
        plan(site, keep=0)


def test_young_snapshots_stay_whatever_their_number(site):
    site.serve(A, B, C, D)
    now = datetime.now(timezone.utc)
    assert plan(site, keep=1, keep_days=30, now=now + timedelta(days=29)).delete == ()
    assert plan(site, keep=1, keep_days=30, now=now + timedelta(days=31)).delete == (A, B)
    assert plan(site, keep=1, keep_days=30, now=now - timedelta(days=3650)).delete == ()


def test_where_room_is_short_the_count_gives_way_and_the_age_does_not(site):
    site.serve(A, B, C, D)
    size = measure(site.volume.snapshot(A)).freed
    assert plan(site, keep=3, min_free=10, free=10).delete == ()
    assert plan(site, keep=3, min_free=10 + size, free=10).delete == (A,)
    assert plan(site, keep=3, min_free=11 + size, free=10).delete == (A, B)
    assert plan(site, keep=3, min_free=1 << 60, free=10).delete == (A, B)
    assert plan(site, keep=3, keep_days=1, min_free=1 << 60, free=10).delete == ()


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


def test_snapshots_of_the_runbook_are_left_alone_until_they_are_adopted(site):
    old, newer = "2026-10-01T00:00:00+00:00", "2026-10-02T00:00:00+00:00"
    core_of(site.template, site.volume.staging / old, 5)
    core_of(site.template, site.volume.staging / newer, 6)
    site.serve(A, B)
    pruning = plan(site, keep=1, min_free=1 << 60)
    assert pruning.delete == ()
    assert pruning.why[old].startswith("the ledger does not know it")
    for name, identifier in ((old, "5"), (newer, "6")):
        site.record(ledger_file.ADOPTED, name, "adopt", {"system_identifier": identifier})
    assert plan(site, keep=3).delete == ()
    assert plan(site, keep=2).delete == (old,)


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


def test_a_pinned_snapshot_stays_where_room_is_short_too(site):
    site.serve(A, B, C, D)
    site.record(ledger_file.PINNED, A, "pin")
    pruning = plan(site, keep=1, min_free=1 << 60)
    assert (pruning.delete, pruning.why[A]) == ((B,), "pinned")


def test_what_a_promotion_under_way_names_stays(site):
    site.serve(A, B, C, D)
    place = place_of(site.volume.snapshot(A))
    open_intent(site.volume, Intent("dead", OPERATOR, "promote", A, D, "staging", place))
    pruning = plan(site, keep=1)
    assert (pruning.delete, pruning.why[A]) == ((B,), "a promotion that was not ended names it")


def test_a_place_that_a_promotion_has_made_ready_is_left_alone(site):
    site.serve(A, B, C)
    (site.volume.staging / D).mkdir()
    apply(site, plan(site, keep=1))
    assert (site.volume.staging / D).is_dir()


def test_a_damaged_ledger_or_journal_deletes_nothing(site):
    site.serve(A, B, C, D)
    site.volume.journal.write_text("{")
    with pytest.raises(Refusal, match=r"the journal .* is damaged"):
        plan(site, keep=1)
    site.volume.journal.unlink()
    lines = site.volume.ledger.read_text().splitlines()
    site.volume.ledger.write_text("\n".join(["half a line", *lines]) + "\n")
    with pytest.raises(Refusal, match=r"line 1 of .*ledger\.jsonl is damaged"):
        plan(site, keep=1)


def test_another_cluster_under_the_id_of_a_snapshot_is_left_alone(site):
    site.serve(A, B, C)
    edit_control(site.volume.snapshot(A), identifier=7)
    assert plan(site, keep=1).why[A] == "it holds another cluster than the ledger knows by this id"


def test_a_damaged_cluster_may_go(site):
    site.serve(A, B, C)
    (site.volume.snapshot(A) / "global/pg_control").write_bytes(b"")
    assert plan(site, keep=1).delete == (A,)


def test_a_link_in_staging_is_no_snapshot(site, tmp_path):
    site.serve(B, C, D)
    outside = core_of(site.template, tmp_path / "outside", 5)
    (site.volume.staging / A).symlink_to(outside)
    apply(site, plan(site, keep=1, min_free=1 << 60))
    assert (outside / "PG_VERSION").exists()
    assert (site.volume.staging / A).is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount needs root")
def test_a_snapshot_in_which_something_is_mounted_stays(site, tmp_path):
    site.serve(A, B, C)
    point = site.volume.snapshot(A) / "pg_wal"
    subprocess.run(["mount", "--bind", tmp_path, point], check=True)
    try:
        assert plan(site, keep=1).why[A] == f"a file system is mounted in it, at {point}: unmount it"
    finally:
        subprocess.run(["umount", point], check=True)


class TestInterrupted:
    """Killed between any two steps: the next pruning ends it, and each snapshot that went has one line."""

    @pytest.mark.parametrize("step", range(12))
    def test_before_each_step_that_changes_something(self, site, step, monkeypatch):
        site.serve(A, B, C, D)
        with monkeypatch.context() as patch:
            die_before(patch, step)
            try:
                apply(site, plan(site, keep=1))
                died = False
            except KilledError:
                died = True
        assert died or step > 8
        assert {C, D} <= set(site.volume.snapshots())
        again = plan(site, keep=1)
        apply(site, again)
        assert site.volume.snapshots() == [C, D]
        assert list(site.volume.trash.iterdir()) == []
        assert not (site.volume.records / "prune.json").exists()
        assert sorted(name for state, name in site.events() if state == "pruned") == [A, B]
        assert not plan(site, keep=1).changed

    def test_the_line_is_of_the_run_that_deleted(self, site, monkeypatch):
        site.serve(A, B, C)
        monkeypatch.setattr(trash, "settle", lambda *_, **__: None)
        trash.put_aside(site.volume, {A: "old"}, run="dead", operator="who")
        monkeypatch.undo()
        pruning = plan(site, keep=1)
        assert pruning.did() == [f"delete snapshot {A}"]
        apply(site, pruning)
        line = site.ledger.entries[-1]
        assert (line.state, line.snapshot, line.run, line.operator, line.why) == (
            "pruned",
            A,
            "dead",
            "who",
            "old",
        )

    def test_a_damaged_note_of_the_pruning_is_told_by_what_is_in_the_trash(self, site):
        site.serve(A, B, C)
        site.volume.trash.mkdir()
        site.volume.snapshot(A).rename(site.volume.trash / A)
        (site.volume.records / "prune.json").write_text("{")
        apply(site, plan(site, keep=1))
        assert site.events()[-1] == ("pruned", A)
        assert list(site.volume.trash.iterdir()) == []

    def test_a_note_of_a_later_version_is_refused(self, site):
        site.serve(A, B, C)
        (site.volume.records / "prune.json").write_text('{"version": 2}')
        with pytest.raises(Refusal, match="is of version 2, this reingest knows 1"):
            plan(site, keep=1)


def test_one_that_somebody_enters_while_it_is_moved_is_put_back(site, monkeypatch):
    site.serve(A, B, C, D)
    pruning = plan(site, keep=1)
    with contextlib.ExitStack() as stack:
        entered = []

        def renamed(source, target, **folders):
            if source == A and not entered:
                entered.append(stack.enter_context(process_in(site.volume.snapshot(A))))
            return rename(source, target, **folders)

        rename = os.rename
        monkeypatch.setattr(os, "rename", renamed)
        apply(site, pruning)
        assert site.volume.snapshots() == [A, C, D]
        assert [name for state, name in site.events() if state == "pruned"] == [B]


def test_a_leftover_in_use_is_left_and_told(site):
    site.serve(A, B)
    (site.volume.trash / C).mkdir(parents=True)
    with process_in(site.volume.trash / C) as pid:
        (fault,) = apply(site, plan(site)).faults
    assert f"process {pid}" in fault
    assert (site.volume.trash / C).is_dir()
    assert apply(site, plan(site)).deleted == 1


def test_the_name_in_the_trash_of_one_that_could_not_be_deleted_is_not_taken_again(site):
    site.serve(A, B, C)
    (site.volume.trash / A / "held").mkdir(parents=True)
    with process_in(site.volume.trash / A):
        apply(site, plan(site, keep=1))
        assert [path.name for path in site.volume.trash.iterdir()] == [A]
        assert site.volume.snapshots() == [B, C]
        assert site.events()[-1] == ("pruned", A)


class KilledError(BaseException):
    """Stands for the end of the process."""


def die_before(patch, step):
    """Make the step-th call that changes something the last one of the process: it is not made."""
    left = [step]

    def dying(call):
        def called(*arguments, **named):
            if left[0] == 0:
                raise KilledError
            left[0] -= 1
            return call(*arguments, **named)

        return called

    for owner, name in (
        (Path, "rename"),
        (Path, "replace"),
        (Path, "unlink"),
        (os, "rmdir"),
        (os, "ftruncate"),
    ):
        patch.setattr(owner, name, dying(getattr(owner, name)))
    patch.setattr(ledger_file, "append_line", dying(ledger_file.append_line))


@pytest.mark.attack
@pytest.mark.parametrize("target", ["/elsewhere", "..", "../runs", ".", None, 7])
def test_a_record_of_a_pruning_moves_nothing_that_it_names_by_a_path(site, tmp_path, target):
    site.serve(A, B, C)
    named = f"{tmp_path}{target}" if target == "/elsewhere" else target
    site.volume.trash.mkdir(exist_ok=True)
    place = site.volume.trash / named if isinstance(named, str) else tmp_path
    place.mkdir(exist_ok=True)
    (site.volume.records / "prune.json").write_text(
        json.dumps({"version": 1, "run": "x", "operator": OPERATOR, "snapshots": {D: named}, "why": {}})
    )
    with process_in(place):
        trash.settle(site.volume, run="next", operator=OPERATOR)
    assert place.is_dir()
    assert site.volume.snapshots() == [A, B, C]
    assert ("pruned", D) not in site.events()
