"""The ledger: what a crash cut short, and verdicts that stay."""

from __future__ import annotations

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"


def test_a_line_that_a_crash_cut_short_is_passed_over_and_the_next_is_whole(site):
    site.serve(A)
    with site.volume.ledger.open("a") as out:
        out.write('{"state": "liv')
    assert site.ledger.live() == A
    site.record("pruned", B, "run")
    assert site.events()[-1] == ("pruned", B)
    assert site.ledger.live() == A


def test_a_verdict_outlives_a_failure_of_another_snapshot(site):
    site.serve(A, B)
    site.promote(A, run="back", kind="rollback")
    site.promote(B, run="again", force=True)
    assert not site.ledger.good(B)
    site.load(C)
    site.promote(run="bad")
    site.recover(failed="no answer", run="bad")
    assert site.ledger.live() == B
    assert not site.ledger.good(B)
