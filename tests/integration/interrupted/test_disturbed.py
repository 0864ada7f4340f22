"""Verbs that are killed, get an error or lose the power at a system call: a sample of ``make test-crash``."""

from __future__ import annotations

import pytest
from crash.operations import OPERATIONS
from crash.plans import sample_cuts, sample_faults, sample_kills
from crash.powercut import FILE_SYSTEMS
from tiers import full, sample

NAMES = [operation.name for operation in OPERATIONS]


@pytest.mark.parametrize("name", sample(NAMES, "promote a load", "prune", "recover: moved"))
def test_killed_anywhere_it_serves_and_the_next_run_ends_it(bench, hold, name):
    hold(bench, sample_kills(bench, name))


@pytest.mark.parametrize("name", sample(NAMES, "undo: after the commit"))
def test_an_error_anywhere_is_told_and_the_next_run_ends_it(bench, hold, name):
    hold(bench, sample_faults(bench, name))


@full
@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_after_a_power_cut_it_serves_and_the_next_run_ends_it(cut_bench, hold, kind):
    hold(cut_bench, sample_cuts(cut_bench, kind))
