"""A recovery ends what was begun: back before the rename of prod, forward after it unless it failed."""

from __future__ import annotations

import pytest
from clusters import process_in

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.promotion.journal import Intent, open_intent, place_of, read_intent
from plugins.module_utils.reingest.promotion.swap import swap_out

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
OPERATOR = "0000-0002-1825-0097"


def link_of(site):
    return str(site.volume.prod.readlink()) if site.volume.prod.is_symlink() else None


def begun(site, snapshot, previous, *, kind="ingest", origin="ingest"):
    """Write the intention of a promotion that did no more than that."""
    source = site.volume.ingest if origin == "ingest" else site.volume.snapshot(snapshot)
    open_intent(site.volume, Intent("dead", OPERATOR, kind, snapshot, previous, origin, place_of(source)))


class TestAFailedSwitch:
    def test_the_previous_snapshot_is_back_and_the_bad_one_kept_and_marked(self, site):
        site.serve(A)
        site.load(B)
        site.promote(run="bad")
        plan = site.recover(failed="no answer", run="bad")
        assert plan.did() == [f"point prod back at staging/{A}", f"mark {B} as bad"]
        assert link_of(site) == f"staging/{A}"
        assert site.volume.snapshots() == [A, B]
        assert site.ledger.why_bad(B) == "no answer"
        assert site.ledger.live() == A

    def test_after_the_first_promotion_prod_goes(self, site):
        site.load(A)
        site.promote(run="bad")
        plan = site.recover(failed="no answer", run="bad")
        assert plan.did() == ["remove prod: nothing was live before", f"mark {A} as bad"]
        assert not site.volume.prod.is_symlink()
        assert site.volume.snapshots() == [A]

    def test_a_second_one_finds_it_done(self, site):
        site.serve(A)
        site.load(B)
        site.promote(run="bad")
        site.recover(failed="no answer", run="bad")
        assert not site.recover(failed="no answer", run="bad").changed
        assert site.volume.live() == A
        assert site.events().count(("bad", B)) == 1

    def test_a_run_that_promoted_nothing_takes_nothing_back(self, site):
        site.serve(A, B)
        assert not site.recover(failed="no answer", run="another").changed
        assert site.volume.live() == B

    def test_it_is_refused_while_a_server_works_in_the_bad_one(self, site):
        site.serve(A)
        site.load(B)
        site.promote(run="bad")
        with (
            process_in(site.volume.prod) as pid,
            pytest.raises(Refusal, match=rf"process {pid} \(sleep\) works in it"),
        ):
            site.recover(failed="no answer", run="bad")
        assert site.volume.live() == B


class TestBeforeTheCommitPoint:
    def test_the_load_is_back_in_ingest(self, site):
        site.serve(A)
        site.load(B)
        inode = site.volume.ingest.stat().st_ino
        begun(site, B, A)
        swap_out(site.volume, site.volume.snapshot(B))
        plan = site.recover()
        assert plan.did() == [
            f"give up the promotion of {B}, which was not made",
            f"move staging/{B} back to ingest",
        ]
        assert site.volume.ingest.stat().st_ino == inode
        assert (site.volume.live(), site.volume.snapshots()) == (A, [A])
        assert not site.recover().changed
        assert not site.ledger.bad(B)
        assert site.promote().snapshot == B

    def test_a_load_stays_in_staging_where_a_server_made_a_cluster_in_ingest_since(self, site):
        site.serve(A)
        site.load(B)
        begun(site, B, A)
        swap_out(site.volume, site.volume.snapshot(B))
        site.load(C, finalised=False)
        assert not site.recover().swap
        assert site.volume.snapshots() == [A, B]
        assert site.promote(B).origin == "staging"

    def test_what_was_not_begun_at_all_is_given_up(self, site):
        site.serve(A, B)
        begun(site, A, B, kind="rollback", origin="staging")
        assert site.recover().did() == [f"give up the promotion of {A}, which was not made"]
        assert site.volume.live() == B
        assert site.ledger.good(A)

    def test_it_is_refused_while_a_server_works_in_the_load(self, site):
        site.serve(A)
        site.load(B)
        begun(site, B, A)
        swap_out(site.volume, site.volume.snapshot(B))
        with (
            process_in(site.volume.snapshot(B)) as pid,
            pytest.raises(Refusal, match=rf"process {pid} \(sleep\) works"),
        ):
            site.recover()

    def test_another_directory_of_that_name_is_not_taken_for_the_load(self, site):
        site.serve(A)
        site.load(B)
        begun(site, B, A)
        site.volume.ingest.rename(site.volume.root / "elsewhere")
        site.volume.ingest.mkdir(mode=0o700)
        site.load(B, finalised=False)
        site.volume.ingest.rename(site.volume.snapshot(B))
        assert not site.recover().swap
        assert site.volume.snapshots() == [A, B]


class TestAfterTheCommitPoint:
    def test_what_was_left_is_written_down(self, site):
        site.serve(A)
        site.load(B)
        site.promote(run="dead")
        lines = site.volume.ledger.read_text().splitlines(keepends=True)
        site.volume.ledger.write_text("".join(lines[:-1]))
        begun(site, B, A, origin="staging")
        plan = site.recover()
        assert plan.did() == [f"write the promotion of {B} into the ledger"]
        assert (plan.live, plan.moves) == (B, False)
        assert (site.volume.live(), site.ledger.live()) == (B, B)
        assert site.ledger.entries[-1].run == "dead"
        assert read_intent(site.volume) is None

    def test_a_rollback_that_was_made_leaves_a_bad_snapshot(self, site):
        site.serve(A, B)
        begun(site, A, B, kind="rollback", origin="staging")
        site.volume.prod.unlink()
        site.volume.prod.symlink_to(f"staging/{A}")
        site.recover()
        assert site.ledger.live() == A
        assert site.ledger.why_bad(B) == f"rolled back to {A}"

    def test_with_a_failure_it_goes_back(self, site):
        site.serve(A)
        site.load(B)
        site.promote(run="dead")
        begun(site, B, A, origin="staging")
        plan = site.recover(failed="not healthy")
        assert (plan.live, plan.moves) == (A, True)
        assert site.volume.live() == site.ledger.live() == A
        assert site.ledger.why_bad(B) == "not healthy"

    def test_a_rollback_that_failed_comes_back_to_what_is_not_bad_after_all(self, site):
        site.serve(A, B)
        site.promote(A, run="back", kind="rollback")
        assert site.ledger.bad(B)
        site.recover(failed="not healthy", run="back")
        assert site.volume.live() == site.ledger.live() == B
        assert site.ledger.good(B)
        assert site.ledger.bad(A)


class TestTheJournal:
    @pytest.mark.parametrize("content", ["", "{", "[1]", "{}", '{"version": 1}', "\x00\x00"])
    def test_a_damaged_one_is_put_aside(self, site, content):
        site.serve(A)
        site.volume.journal.write_text(content)
        assert site.recover().did() == ["put the damaged journal aside"]
        assert (site.volume.records / "journal.damaged.1.json").read_text() == content
        assert not site.recover().changed
        assert site.volume.live() == A

    def test_one_of_a_later_version_is_refused(self, site):
        site.serve(A)
        site.volume.journal.write_text('{"version": 2}')
        with pytest.raises(Refusal, match="is of version 2, this reingest knows 1: update reingest"):
            site.recover()


def test_a_prod_that_somebody_else_made_is_left_to_others(site):
    site.load(A)
    site.volume.prod.mkdir()
    assert not site.recover().changed
    begun(site, A, "")
    with pytest.raises(Refusal, match="prod is a directory, not a link"):
        site.recover()
