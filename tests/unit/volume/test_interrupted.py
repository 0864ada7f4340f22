"""A run that is killed at any step leaves a volume that serves; the next run brings it to the same end."""

from __future__ import annotations

import functools
import os
from datetime import datetime, timezone

import pytest
from ansible.module_utils.reingest.postgres.load_settings import LOAD_CONF
from ansible.module_utils.reingest.volume.discard import apply_discard, plan_discard
from ansible.module_utils.reingest.volume.fresh import put_fresh
from ansible.module_utils.reingest.volume.journal import Intent, open_intent
from ansible.module_utils.reingest.volume.lock import Holder, claim
from ansible.module_utils.reingest.volume.promote import (
    apply_undo,
    plan_undo,
    previous_snapshot,
)
from ansible.module_utils.reingest.volume.prune import apply_pruning, plan_pruning
from ansible.module_utils.reingest.volume.staging_settings import (
    apply_settings,
    plan_load_settings,
    plan_production_settings,
)
from ansible.module_utils.reingest.volume.unsynced import Unsynced, is_lost, read_mark, write_mark

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
OPERATOR = "0000-0002-1825-0097"
STEPS = ("rename", "replace", "symlink", "unlink", "mkdir", "rmdir", "chmod", "chown", "fsync")
KILLED = 9


def killed_at(step, act):
    """Run ``act`` in a child that is killed just before its ``step``-th change; return whether it was."""
    child = os.fork()
    if child == 0:
        done = 0

        def counted(change, *arguments, **options):
            nonlocal done
            if done == step:
                os._exit(KILLED)
            done += 1
            return change(*arguments, **options)

        for name in STEPS:
            setattr(os, name, functools.partial(counted, getattr(os, name)))
        try:
            act()
        except BaseException:  # noqa: BLE001 - a child must not become a second pytest
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED


def every_step(make_site, prepare, act):
    """Yield the volume as it is after a kill at each step of ``act``, until it is not killed any more."""
    for step in range(200):
        site = make_site(f"volume-{step}")
        prepare(site)
        killed = killed_at(step, lambda site=site: act(site))
        yield site
        if not killed:
            assert step > 3
            return
    pytest.fail("it never came to its end")


def undo(site, run):
    plan = plan_undo(site.volume, run)
    if plan.changed:
        apply_undo(site.volume, plan, run=run, operator=OPERATOR)


def holds(site, live, *, before):
    """Assert the invariant: prod is a link to one complete data directory, of before or after."""
    now = site.volume.live()
    assert now in (before, live)
    if now is not None:
        assert (site.volume.prod / "global" / "pg_control").is_file()


def is_done(site, live, failed=None):
    """Assert the end state that every way leads to."""
    assert site.volume.live() == live
    assert site.ledger.live() == (live or "")
    assert site.volume.ingest.is_dir()
    assert list(site.volume.ingest.iterdir()) == []
    assert site.volume.ingest.stat().st_mode & 0o777 == 0o700
    assert not site.volume.fresh.exists()
    if failed:
        assert site.ledger.failed(failed)
    assert not [path for path in site.volume.staging.iterdir() if path.name.startswith(".")]


def one_live(site):
    site.serve(A)
    site.load(B)


@pytest.mark.parametrize("again", ["bad", "another"])
def test_a_promotion_is_finished_by_the_next_run(make_site, again):
    for site in every_step(make_site, one_live, lambda site: site.promote(run="bad")):
        holds(site, B, before=A)
        site.promote(B if site.ledger.live() == B else "", run=again)
        is_done(site, B)
        assert site.events().count(("promoted", B)) == 1
        assert not site.plan(B).changed
        assert previous_snapshot(site.volume) == A


def test_the_first_promotion_is_finished_by_the_next_run(make_site):
    for site in every_step(make_site, lambda site: site.load(A), lambda site: site.promote(run="bad")):
        holds(site, A, before=None)
        site.promote(A if site.ledger.live() == A else "", run="another")
        is_done(site, A)


def test_a_promotion_is_taken_back_by_its_run(make_site):
    for site in every_step(make_site, one_live, lambda site: site.promote(run="bad")):
        began = site.volume.live() == B
        moved = site.volume.snapshot(B).is_dir()
        undo(site, "bad")
        assert site.volume.live() == site.ledger.live() == A
        assert site.ledger.failed(B) == began
        assert site.volume.ingest.is_dir()
        assert bool(list(site.volume.ingest.iterdir())) is not moved
        undo(site, "bad")
        assert site.volume.live() == A


def test_the_first_promotion_is_taken_back_by_its_run(make_site):
    for site in every_step(make_site, lambda site: site.load(A), lambda site: site.promote(run="bad")):
        undo(site, "bad")
        assert not site.volume.prod.is_symlink()
        assert site.volume.ingest.is_dir()


def test_an_undo_is_gone_on_with(make_site):
    def prepare(site):
        one_live(site)
        site.promote(run="bad")

    for site in every_step(make_site, prepare, lambda site: undo(site, "bad")):
        holds(site, A, before=B)
        undo(site, "bad")
        is_done(site, A, failed=B)


def test_an_undo_of_a_promotion_without_its_line_is_gone_on_with(make_site):
    def prepare(site):
        one_live(site)
        site.promote(run="bad")
        # As a kill between the commit point and the ledger leaves it.
        lines = site.volume.ledger.read_text().splitlines(keepends=True)
        site.volume.ledger.write_text("".join(lines[:-1]))
        open_intent(site.volume, Intent("bad", OPERATOR, B, A, "ingest", ""))

    for site in every_step(make_site, prepare, lambda site: undo(site, "bad")):
        undo(site, "bad")
        is_done(site, A, failed=B)


def test_a_rollback_goes_back_once_whoever_finishes_it(make_site):
    def back(site, run):
        site.promote(previous_snapshot(site.volume, run=run), run=run, kind="rollback")

    for site in every_step(make_site, lambda site: site.serve(A, B), lambda site: back(site, "bad")):
        if site.volume.journal.exists():  # what was begun is finished, not gone back from
            back(site, "another" if site.ledger.live() == B else "bad")
            is_done(site, A, failed=B)


def test_a_missing_ingest_is_put_back_by_the_next_claim_and_by_any_undo(make_site):
    healed = 0
    for site in every_step(make_site, one_live, lambda site: site.promote(run="bad")):
        if site.volume.ingest.exists():
            continue
        healed += 1
        if healed % 2:
            claim(site.volume, Holder("next", OPERATOR, "here/boot", 1, "1", "now"))
        else:
            undo(site, "next")
        assert list(site.volume.ingest.iterdir()) == []
    assert healed >= 2


def test_another_snapshot_may_be_promoted_after_an_interrupted_one(make_site):
    def prepare(site):
        site.serve(A, B)
        site.load(C)

    for site in every_step(make_site, prepare, lambda site: site.promote(run="bad")):
        committed = site.volume.live() == C
        site.promote(A, run="another")
        assert site.volume.live() == site.ledger.live() == A
        assert site.ledger.served(C) == committed
        put_fresh(site.volume)
        assert site.volume.ingest.is_dir()


def test_a_pruning_is_gone_on_with(make_site):
    def prune(site):
        plan = plan_pruning(site.volume, keep=1, keep_days=0, min_free=0, free=1, now=NOW)
        apply_pruning(site.volume, plan, run="prune", operator=OPERATOR)

    for site in every_step(make_site, lambda site: site.serve(A, B, C), prune):
        assert site.volume.live() == C
        prune(site)
        assert site.volume.snapshots() == [B, C]
        assert list(site.volume.trash.iterdir()) == []
        assert site.events().count(("pruned", A)) == 1


def give_settings(site):
    plan = plan_load_settings(site.volume, autovacuum=False)
    if plan.changed:
        site.volume.records.mkdir(exist_ok=True)
        apply_settings(site.volume, plan, run="run", operator=OPERATOR)


def take_settings(site):
    plan = plan_production_settings(site.volume)
    if plan.changed:
        apply_settings(site.volume, plan, run="run", operator=OPERATOR)


def settings_files(site):
    ingest = site.volume.ingest
    return sorted(path.name for path in ingest.iterdir()), (ingest / "postgresql.conf").read_bytes()


def test_settings_for_a_load_are_put_in_place_or_taken_away_by_the_next_run(make_site):
    for number, site in enumerate(every_step(make_site, lambda site: site.load(A), give_settings)):
        if (site.volume.ingest / LOAD_CONF).exists():
            assert read_mark(site.volume) is not None
        if number % 2:
            give_settings(site)
            assert (site.volume.ingest / LOAD_CONF).exists()
            assert not plan_load_settings(site.volume, autovacuum=False).changed
        take_settings(site)
        assert not plan_production_settings(site.volume).changed
        assert not (site.volume.ingest / LOAD_CONF).exists()


def test_settings_for_a_load_go_without_a_trace_whoever_finishes_it(make_site):
    before = []

    def prepare(site):
        site.load(A)
        before[:] = [settings_files(site)]
        give_settings(site)

    for site in every_step(make_site, prepare, take_settings):
        assert read_mark(site.volume) is not None  # not synced yet, whatever became of the settings
        take_settings(site)
        assert [settings_files(site)] == before
        assert read_mark(site.volume).ended


def test_a_start_over_is_gone_on_with(make_site):
    def prepare(site):
        site.load(A)
        write_mark(site.volume, Unsynced("20261101000000", "an earlier boot", "run"))

    for site in every_step(make_site, prepare, lambda site: apply_discard(site.volume)):
        claim(site.volume, Holder("next", OPERATOR, "here/boot", 1, "1", "now"))
        if plan_discard(site.volume).changed:
            apply_discard(site.volume)
        assert list(site.volume.ingest.iterdir()) == []
        assert not is_lost(site.volume)
        pruning = plan_pruning(site.volume, keep=1, keep_days=0, min_free=0, free=1, now=NOW)
        apply_pruning(site.volume, pruning, run="prune", operator=OPERATOR)
        assert not site.volume.trash.exists() or list(site.volume.trash.iterdir()) == []
        assert ("pruned", "ingest") not in site.events()
