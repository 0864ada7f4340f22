"""Random histories of a volume, with crashes at any step, against a plain model of it."""

from __future__ import annotations

import copy
import itertools
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from interruption import killed_at

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.datadir import is_data_directory, read_data_directory
from plugins.module_utils.reingest.promotion.journal import UNDO, read_intent
from plugins.module_utils.reingest.promotion.promote import previous_snapshot
from plugins.module_utils.reingest.retention.pin import apply_pin, plan_pin
from plugins.module_utils.reingest.retention.prune import apply_pruning, plan_pruning
from plugins.module_utils.reingest.volume import ledger as ledger_file

OPERATOR = "0000-0002-1825-0097"
BEGIN = datetime(2026, 11, 1, tzinfo=timezone.utc)
EXAMPLES = int(os.environ.get("REINGEST_TEST_HISTORIES", "20"))
# Of a run that died before it had begun: empty, or only meant; the next one of its kind takes it.
MADE_READY = {".staging.new", ".trash.new", ".journal.json.new", ".prune.json.new"}
PHASES = [phase for phase in Phase if phase is not Phase.shrink]  # which takes minutes; a history can be read
STEPS = st.integers(0, 40)  # a promotion has some thirty changes


@dataclass
class Model:
    """What a volume is, in plain words."""

    live: str = ""
    ingest: str = ""
    there: set = field(default_factory=set)
    good: set = field(default_factory=set)
    bad: set = field(default_factory=set)
    pinned: set = field(default_factory=set)
    lives: list = field(default_factory=list)  # what was live, the last one last
    undo: tuple = ()  # of the last promotion: snapshot, run, what was live before, whether that was good

    def promote(self, snapshot, *, run, kind="promote"):
        left = self.live
        self.undo = (snapshot, run, left, left in self.good)
        if snapshot == self.ingest:
            self.ingest = ""
            self.there.add(snapshot)
        self.live = snapshot
        self.lives.append(snapshot)
        self.bad.discard(snapshot)
        if kind == "rollback" and left:
            self.fail(left)

    def fail(self, snapshot):
        self.bad.add(snapshot)
        self.good.discard(snapshot)

    def take_back(self):
        snapshot, _, left, was_good = self.undo
        self.live, self.undo = left, ()
        self.fail(snapshot)
        if left:  # a failed rollback comes back to what it had left for being bad
            self.bad.discard(left)
            if was_good:
                self.good.add(left)

    def way_back(self):
        """Return what a rollback goes to; empty: nothing."""
        for snapshot in reversed(self.lives):
            if snapshot in self.there and snapshot != self.live and snapshot in self.good:
                return snapshot
        return ""


class Histories(RuleBasedStateMachine):
    """Verbs in any order; after a crash a recovery comes first, which may crash too."""

    def __init__(self, make):
        super().__init__()
        self.site = make()
        self.volume = self.site.volume
        self.model = Model()
        self.ended = None  # after a crash: how the model looks when the recovery has ended
        self.number = itertools.count()

    whole = precondition(lambda self: self.ended is None)
    broken = precondition(lambda self: self.ended is not None)

    @whole
    @precondition(lambda self: not self.model.ingest)
    @rule()
    def load(self):
        at = BEGIN + timedelta(hours=next(self.number))
        self.model.ingest = self.site.load(at.strftime("%Y%m%dT%H%M%SZ"))

    @whole
    @precondition(lambda self: self.model.live)
    @rule()
    def prove(self):
        self.site.record(ledger_file.GOOD, self.model.live, "proof")
        self.model.good.add(self.model.live)
        self.model.bad.discard(self.model.live)

    @whole
    @precondition(lambda self: self.model.ingest)
    @rule(step=st.none() | STEPS)
    def promote_the_load(self, step):
        self._promote(self.model.ingest, step, kind="ingest")

    @whole
    @precondition(lambda self: self.model.there - {self.model.live})
    @rule(step=st.none() | STEPS, data=st.data())
    def promote_an_earlier_one(self, step, data):
        self._promote(data.draw(st.sampled_from(sorted(self.model.there - {self.model.live}))), step)

    @whole
    @precondition(lambda self: self.model.live)
    @rule(step=st.none() | STEPS)
    def roll_back(self, step):
        target = self.model.way_back()
        if target:
            assert previous_snapshot(self.volume) == target
            self._promote(target, step, kind="rollback")
        else:
            with pytest.raises(Refusal, match="there is no earlier good snapshot"):
                previous_snapshot(self.volume)

    @whole
    @precondition(lambda self: self.model.undo and self.model.undo[0] == self.model.live)
    @rule(step=st.none() | STEPS)
    def take_back(self, step):
        _, run, previous, _ = self.model.undo
        if previous and previous not in self.model.there:
            with pytest.raises(Refusal, match="holds no database"):
                self.site.recover(failed="no answer", run=run)
            return
        after = copy.deepcopy(self.model)
        after.take_back()

        def begun():
            intent = read_intent(self.volume)
            undoing = intent is not None and intent.kind == UNDO
            return undoing or (self.volume.live() or "") == previous

        self._do(lambda: self.site.recover(failed="no answer", run=run), step, after, begun)

    @whole
    @precondition(lambda self: self.model.there)
    @rule(data=st.data(), pinned=st.booleans())
    def pin(self, data, pinned):
        snapshot = data.draw(st.sampled_from(sorted(self.model.there)))
        plan = plan_pin(self.volume, snapshot, pinned=pinned)
        assert plan.changed == ((snapshot in self.model.pinned) != pinned)
        if plan.changed:
            apply_pin(self.volume, plan, run="pin", operator=OPERATOR)
        (self.model.pinned.add if pinned else self.model.pinned.discard)(snapshot)

    @whole
    @precondition(lambda self: self.model.live)
    @rule(step=st.none() | STEPS, keep=st.integers(1, 3))
    def prune(self, step, keep):
        way_back = self.model.way_back()

        def act():
            now = BEGIN + timedelta(days=99)
            plan = plan_pruning(self.volume, keep=keep, keep_days=0, min_free=0, free=1, now=now)
            apply_pruning(self.volume, plan, run="prune", operator=OPERATOR)

        killed = step is not None and killed_at(step, act)
        if step is None:
            act()
        there = set(self.volume.snapshots())
        gone = self.model.there - there
        assert there <= self.model.there
        assert not gone & {self.model.live, way_back, *self.model.pinned}
        assert not {snapshot for snapshot in gone if snapshot > self.model.live}
        self.model.there = there
        if not killed:
            assert all(self.site.ledger.pruned(snapshot) for snapshot in gone)
            assert not self.volume.trash.exists() or list(self.volume.trash.iterdir()) == []
        else:
            self.ended = self.model

    @broken
    @rule(step=st.none() | STEPS)
    def recover(self, step):
        if step is None or not killed_at(step, self.site.recover):
            self.site.recover()
            self.model, self.ended = self.ended, None

    @broken
    @rule(line=st.sampled_from(["{", '{"version": 1, "state": "bad", "snapshot": "2', '{"version": 1}']))
    def the_last_line_was_cut_short(self, line):
        if self.volume.ledger.read_bytes().endswith(b"\n"):
            with self.volume.ledger.open("a") as out:
                out.write(line)

    @invariant()
    def serves(self):
        live = self.volume.live() or ""
        assert live in {self.model.live, (self.ended or self.model).live}
        assert self.volume.ingest.is_dir()
        if live:
            assert (self.volume.prod / "global" / "pg_control").is_file()
            assert self._cluster(self.volume.prod) == live

    @invariant()
    def is_as_the_model_says(self):
        if self.ended is not None:
            return
        model, ledger = self.model, self.site.ledger
        assert (self.volume.live() or "") == ledger.live() == model.live
        assert self._cluster(self.volume.ingest) == model.ingest
        assert set(self.volume.snapshots()) == model.there
        assert {snapshot for snapshot in model.there if ledger.good(snapshot)} == model.good & model.there
        assert {snapshot for snapshot in model.there if ledger.bad(snapshot)} == model.bad & model.there
        assert {snapshot for snapshot in model.there if ledger.pinned(snapshot)} == model.pinned & model.there
        assert not self.volume.journal.exists()
        left = {path.name for path in self.volume.root.rglob("*") if path.name.endswith(".new")}
        assert left <= MADE_READY

    def _promote(self, snapshot, step, *, kind="promote"):
        run = f"run-{next(self.number)}"
        after = copy.deepcopy(self.model)
        after.promote(snapshot, run=run, kind=kind)
        bad = snapshot in self.model.bad
        if bad:
            with pytest.raises(Refusal, match=f"snapshot {snapshot} is bad, marked by"):
                self.site.plan(snapshot)
        self._do(
            lambda: self.site.promote(snapshot, run=run, kind=kind, force=bad),
            step,
            after,
            lambda: self.volume.live() == snapshot,
        )

    def _do(self, act, step, after, begun):
        """Do it, or be killed; ``begun``: whether a recovery goes forward then."""
        if step is not None and killed_at(step, act):
            self.ended = after if begun() else self.model
            return
        if step is None:
            act()
        self.model = after

    def _cluster(self, path):
        if not is_data_directory(path):
            return ""
        entry = self.site.ledger.load_of(read_data_directory(path).system_identifier)
        return entry.snapshot


def test_whatever_happens_the_volume_is_as_the_model_says(make_site):
    number = itertools.count()
    run_state_machine_as_test(
        lambda: Histories(lambda: make_site(f"volume-{next(number)}")),
        settings=settings(max_examples=EXAMPLES, stateful_step_count=30, phases=PHASES),
    )
