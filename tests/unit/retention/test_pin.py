"""A pin is a line in the ledger, about a snapshot that is there."""

from __future__ import annotations

import pytest
from clusters import core_of

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.retention.pin import apply_pin, plan_pin
from plugins.module_utils.reingest.volume import ledger as ledger_file

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
OPERATOR = "0000-0002-1825-0097"


def pin(site, snapshot, *, pinned=True, why=""):
    plan = plan_pin(site.volume, snapshot, pinned=pinned)
    if plan.changed:
        apply_pin(site.volume, plan, run="pin", operator=OPERATOR, why=why)
    return plan


def test_pinned_once_and_let_go_once(site):
    site.serve(A)
    first = pin(site, A, why="cited")
    assert first.did() == [f"pin snapshot {A}"]
    assert first.diff() == {"before": f"{A}: not pinned\n", "after": f"{A}: pinned\n"}
    line = site.ledger.entries[-1]
    assert (line.state, line.snapshot, line.operator, line.why) == ("pinned", A, OPERATOR, "cited")
    again = pin(site, A)
    assert (again.changed, again.did()) == (False, [])
    assert again.diff()["before"] == again.diff()["after"]
    assert pin(site, A, pinned=False).did() == [f"unpin snapshot {A}"]
    assert not pin(site, A, pinned=False).changed
    assert not site.ledger.pinned(A)


def test_the_load_in_ingest_can_be_pinned_before_it_is_promoted(site):
    site.serve(A)
    site.load(B)
    assert pin(site, B).changed
    site.promote(run="later")
    assert site.ledger.pinned(B)


def test_one_that_was_pruned_is_refused(site):
    site.serve(A, B)
    site.volume.snapshot(A).rename(site.volume.root / "gone")
    site.record(ledger_file.PRUNED, A, "prune")
    with pytest.raises(Refusal, match=rf"cannot be pinned: it was pruned, .* \(there are: {B}\)"):
        pin(site, A)


def test_one_that_is_unknown_is_refused(site):
    site.serve(A)
    with pytest.raises(Refusal, match="cannot be unpinned: it is not on the volume"):
        pin(site, C, pinned=False)
    core_of(site.template, site.volume.staging / C, 5)
    with pytest.raises(Refusal, match="the ledger does not know it; adopt it first"):
        pin(site, C)


@pytest.mark.parametrize("text", ["../staging", "", "20261101T000000Z\n", "latest"])
def test_what_is_no_id_is_refused(site, text):
    with pytest.raises(Refusal, match="is not a snapshot id"):
        pin(site, text)
