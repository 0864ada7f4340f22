"""A sample of ``make test-crash``: everything undisturbed once, then some points of each operation."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from crash import plans, powercut, strace
from crash.volumes import make_templates, remove_templates, small_place

CUT = ("promote a load", "rollback", "undo: after the commit")  # whose power is cut in the sample


@pytest.fixture(scope="session")
def crash_folder():
    """Return an empty folder, which servers of another account can reach."""
    reason = strace.missing()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="reingest-crash-", dir=small_place()))
    yield folder
    remove_templates(folder)


@pytest.fixture(scope="session")
def work(crash_folder):
    """Return a folder for copies and logs."""
    folder = crash_folder / "work"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def templates(crash_folder):
    return make_templates(crash_folder)


@pytest.fixture(scope="session")
def bench(templates, work):
    """Return every operation with its points."""
    return plans.make_bench(templates, work, kinds=())


@pytest.fixture(scope="session")
def cut_bench(templates, work):
    """Return some operations with their points on file systems of their own."""
    reason = powercut.missing()
    if reason:
        pytest.skip(f"no power can be cut: {reason}")
    return plans.make_bench(templates, work, operations=CUT)


@pytest.fixture
def hold(work):
    """Return ``hold(bench, tasks)``, which tries each and fails with what did not hold."""

    def tried(bench, tasks):
        assert tasks
        outcomes = [plans.attempt(bench, task, work) for task in tasks]
        assert [outcome for outcome in outcomes if outcome.wrong] == []
        return outcomes

    return tried
