"""A run that is killed at any step leaves a volume that serves; the next run brings it to the same end."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from interruption import killed_at

from plugins.module_utils.reingest.postgres.load_settings import LOAD_CONF
from plugins.module_utils.reingest.promotion import swap
from plugins.module_utils.reingest.promotion.journal import read_intent
from plugins.module_utils.reingest.promotion.promote import previous_snapshot
from plugins.module_utils.reingest.retention.prune import apply_pruning, plan_pruning
from plugins.module_utils.reingest.staging.discard import apply_discard, plan_discard
from plugins.module_utils.reingest.staging.settings import (
    apply_settings,
    plan_load_settings,
    plan_production_settings,
)
from plugins.module_utils.reingest.volume.unsynced import Unsynced, is_lost, read_mark, write_mark

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
OPERATOR = "0000-0002-1825-0097"


def every_step(make_site, prepare, act, *, least=3):
    """Yield the volume as it is after a kill at each step of ``act``, until it is not killed any more."""
    for step in range(200):
        site = make_site(f"volume-{step}")
        prepare(site)
        killed = killed_at(step, lambda site=site: act(site))
        yield site
        if not killed:
            assert step >= least
            return
    pytest.fail("it never came to its end")


def undo(site, run):
    site.recover(failed="no answer", run=run)


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
        assert site.ledger.bad(failed)
    assert not [path for path in site.volume.staging.iterdir() if path.name.startswith(".")]


def one_live(site):
    site.serve(A)
    site.load(B)


@pytest.mark.parametrize("again", ["bad", "another"])
def test_a_promotion_is_finished_by_the_next_run(make_site, again):
    for site in every_step(make_site, one_live, lambda site: site.promote(run="bad")):
        holds(site, B, before=A)
        site.recover(run=again)
        holds(site, B, before=A)
        assert read_intent(site.volume) is None
        site.promote(B, run=again)
        is_done(site, B)
        assert site.events().count(("live", B)) == 1
        assert not site.plan(B).changed
        assert previous_snapshot(site.volume) == A


def test_the_first_promotion_is_finished_by_the_next_run(make_site):
    for site in every_step(make_site, lambda site: site.load(A), lambda site: site.promote(run="bad")):
        holds(site, A, before=None)
        site.recover()
        site.promote(A, run="another")
        is_done(site, A)


def test_a_promotion_is_taken_back_by_its_run(make_site):
    for site in every_step(make_site, one_live, lambda site: site.promote(run="bad")):
        began = site.volume.live() == B
        undo(site, "bad")
        assert site.volume.live() == site.ledger.live() == A
        assert site.ledger.bad(B) == began
        assert bool(list(site.volume.ingest.iterdir())) is not began  # else the load is back
        undo(site, "bad")
        assert site.volume.live() == A


def test_the_first_promotion_is_taken_back_by_its_run(make_site):
    for site in every_step(make_site, lambda site: site.load(A), lambda site: site.promote(run="bad")):
        undo(site, "bad")
        assert not site.volume.prod.is_symlink()
        assert site.volume.ingest.is_dir()


def test_a_recovery_is_gone_on_with_wherever_the_promotion_and_then_itself_was_killed(make_site):
    tried = 0
    for number in range(200):
        for site in every_step(
            lambda name, number=number: make_site(f"{number}-{name}"),
            lambda site, number=number: (one_live(site), killed_at(number, lambda: site.promote(run="bad"))),
            lambda site: site.recover(run="second"),
            least=0,
        ):
            tried += 1
            holds(site, B, before=A)
            site.recover(run="third")
            assert read_intent(site.volume) is None
            done = site.volume.live() == B and site.ledger.live() == B
            site.promote(B, run="third")
            is_done(site, B)
            assert site.events().count(("live", B)) == 1
        if done:
            break
    assert tried > 60


def test_an_undo_is_gone_on_with(make_site):
    def prepare(site):
        one_live(site)
        site.promote(run="bad")

    for site in every_step(make_site, prepare, lambda site: undo(site, "bad")):
        holds(site, A, before=B)
        if read_intent(site.volume) is None:
            undo(site, "bad")
        site.recover(run="next")  # whoever comes next goes on with it
        is_done(site, A, failed=B)


def test_a_rollback_goes_back_once_whoever_finishes_it(make_site):
    def back(site, run):
        site.promote(previous_snapshot(site.volume, run=run), run=run, kind="rollback")

    for site in every_step(make_site, lambda site: site.serve(A, B), lambda site: back(site, "bad")):
        site.recover(run="bad")
        back(site, "bad")
        is_done(site, A, failed=B)


def test_a_missing_ingest_is_put_back_by_any_recovery(make_site, monkeypatch):
    monkeypatch.setattr(swap, "exchange", lambda one, other: False)  # as on NFS
    healed = 0
    for site in every_step(make_site, one_live, lambda site: site.promote(run="bad")):
        healed += not site.volume.ingest.exists()
        site.recover(run="next")
        site.promote(B, run="next")
        is_done(site, B)
    assert healed >= 2


def test_ingest_and_prod_are_never_missing_where_the_kernel_can_exchange(make_site):
    for site in every_step(make_site, one_live, lambda site: site.promote(run="bad")):
        assert site.volume.ingest.is_dir()
        assert site.volume.prod.is_symlink()
    for site in every_step(
        lambda name: make_site(f"undo-{name}"),
        lambda site: site.serve(A, B),
        lambda site: undo(site, f"run-of-{B}"),
    ):
        assert site.volume.ingest.is_dir()
        assert site.volume.prod.is_symlink()


def test_another_snapshot_may_be_promoted_after_an_interrupted_one(make_site):
    def prepare(site):
        site.serve(A, B)
        site.load(C)

    for site in every_step(make_site, prepare, lambda site: site.promote(run="bad")):
        committed = site.volume.live() == C
        site.recover(run="another")
        site.promote(A, run="another")
        assert site.volume.live() == site.ledger.live() == A
        assert site.ledger.was_live(C) == committed
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
        site.recover(run="next")
        if plan_discard(site.volume).changed:
            apply_discard(site.volume)
        assert list(site.volume.ingest.iterdir()) == []
        assert not is_lost(site.volume)
        pruning = plan_pruning(site.volume, keep=1, keep_days=0, min_free=0, free=1, now=NOW)
        apply_pruning(site.volume, pruning, run="prune", operator=OPERATOR)
        assert not site.volume.trash.exists() or list(site.volume.trash.iterdir()) == []
        assert ("pruned", "ingest") not in site.events()
