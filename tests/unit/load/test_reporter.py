from __future__ import annotations

import json
import os
import signal
import time

import pytest
from waiting import wait_for

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.meter import LOADING
from plugins.module_utils.reingest.load.progress import read_progress
from plugins.module_utils.reingest.load.reporter import reported

FACTS = {"run": "run-1", "operator": "ada", "release": "r1", "snapshot": "", "staging": "db:5432"}


def state(folder):
    return read_progress((folder / "progress.json").read_text())


def killed(folder):
    """Start a load that does nothing, kill it in the middle, and return its process."""
    child = os.fork()
    if child == 0:
        with reported(folder, FACTS):
            time.sleep(60)
        os._exit(1)
    wait_for((folder / "progress.json").exists)
    wait_for(lambda: state(folder).process == child and state(folder).seconds > 0.5)  # it is reported
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return child


def test_the_file_is_written_while_the_load_does_something_else(tmp_path):
    with reported(tmp_path / "run-1", FACTS) as reporter:
        first = state(tmp_path / "run-1")
        assert (first.phase, first.state, first.process) == ("plan", "running", os.getpid())
        reporter.enter("copy")
        table = reporter.meter.table("study", 100)
        reporter.know(snapshot="20261123T114500Z")
        table.enter(LOADING)
        table.streams[0].add(3, 50)
        wait_for(lambda: state(tmp_path / "run-1").rows == 3)
        seen = state(tmp_path / "run-1")
        assert seen.heartbeat > first.heartbeat
        assert (seen.phase, seen.snapshot, seen.bytes, seen.total) == ("copy", "20261123T114500Z", 50, 100)
        assert seen.tables[0].state == LOADING
    assert state(tmp_path / "run-1").state == "finished"
    assert [path.name for path in (tmp_path / "run-1").iterdir()] == ["progress.json"]


def test_the_total_is_unknown_as_soon_as_one_tables_is(tmp_path):
    with reported(tmp_path, FACTS) as reporter:
        reporter.meter.table("study", 100)
        reporter.meter.table("from_a_server", 0)
    assert state(tmp_path).total == 0


@pytest.mark.parametrize(
    ("error", "message"),
    [(Refusal("not this row"), "not this row"), (KeyError("unforeseen"), "KeyError: 'unforeseen'")],
)
def test_a_load_that_fails_says_why_in_the_file(tmp_path, error, message):
    with pytest.raises(type(error)), reported(tmp_path, FACTS):
        raise error
    assert (state(tmp_path).state, state(tmp_path).message) == ("failed", message)


def test_a_load_that_is_killed_is_written_down_as_dead(tmp_path):
    process = killed(tmp_path)
    wait_for(lambda: state(tmp_path).state == "died")
    assert state(tmp_path).message == f"process {process} of the load was killed"


def test_the_same_run_may_load_again_after_it_died_and_not_before(tmp_path):
    killed(tmp_path)
    with reported(tmp_path, FACTS):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with reported(tmp_path, FACTS):
                    pass
            except Refusal as refusal:
                code = 0 if f"as process {os.getppid()}" in str(refusal) else 2
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert state(tmp_path).process == os.getpid()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_begins(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal, match="correct reingest_work"), reported(tmp_path / "file/run-1", FACTS):
        raise AssertionError("it began")


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with reported(None, FACTS) as reporter:
        reporter.enter("copy")
    assert list(tmp_path.iterdir()) == []


def test_the_line_of_a_loader_is_in_the_file(tmp_path):
    with reported(tmp_path, FACTS) as reporter:
        reporter.say("loaded 2 of 3 studies")
    assert json.loads((tmp_path / "progress.json").read_text())["line"] == "loaded 2 of 3 studies"
