"""A sample of ``make test-crash``: an operation undisturbed, then some of its points."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from crash import plans, powercut, strace, trial
from crash.operations import OPERATIONS
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


class WhenAsked(dict):
    """The plans of all operations by name, each made when it is first asked for."""

    def __init__(self, templates, work):
        super().__init__()
        self._make = lambda operation: trial.plan(templates, operation, work)

    def __missing__(self, name):
        operation = next(operation for operation in OPERATIONS if operation.name == name)
        self[name] = self._make(operation)
        return self[name]


@pytest.fixture(scope="session")
def bench(templates, work):
    """Return the operations with their points."""
    return plans.Bench(templates, WhenAsked(templates, work), {}, {})


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
