from __future__ import annotations

import json
import os
from datetime import datetime, timedelta

import pytest
from unit.load.states import load, table

from plugins.module_utils.reingest.host.boot import machine
from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.load.progress import fate, find_loads, read_progress

HERE = {"process": os.getpid(), "process_started": started_at(os.getpid())}
HEARD = datetime.fromisoformat("2026-11-23T11:46:00+00:00")


def put(work, state):
    folder = work / state.run
    folder.mkdir()
    (folder / "progress.json").write_text(json.dumps(state.as_values()))


def test_what_is_written_is_read_again():
    state = load(table(), table("study", "waiting", 0, 0))
    assert read_progress(json.dumps(state.as_values())) == state


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tables": [{}]}', '{"run": "r", "tabl'])
def test_another_file_or_half_of_one_is_no_state(text):
    with pytest.raises(ValueError):
        read_progress(text)


def test_the_load_that_began_last_is_found_first_and_other_files_are_passed_over(tmp_path):
    put(tmp_path, load(run="old", started="2026-11-23T11:45:00.000+00:00"))
    put(tmp_path, load(run="new", started="2026-11-23T11:50:00.000+00:00"))
    (tmp_path / "services").mkdir()
    (tmp_path / "services/progress.json").write_text("{}")
    assert [one.run for one in find_loads(tmp_path)] == ["new", "old"]
    assert find_loads(tmp_path / "nowhere") == []


@pytest.mark.parametrize("silent", [timedelta(seconds=2), timedelta(seconds=31), timedelta(days=2)])
def test_a_load_runs_while_its_process_lives_however_late_its_heartbeat_is(silent):
    assert fate(load(machine=machine(), **HERE), HEARD + silent) == "running"


def test_a_load_whose_process_is_gone_has_died_however_fresh_its_heartbeat_is():
    gone = {**HERE, "process_started": "1"}  # the id was used again
    assert fate(load(machine=machine(), **gone), HEARD) == "died"


def test_of_another_machine_only_the_heartbeat_tells():
    elsewhere = load(machine="other/boot/1", **HERE)
    assert elsewhere.machine != machine()
    assert fate(elsewhere, HEARD + timedelta(seconds=2)) == "running"
    assert fate(elsewhere, HEARD + timedelta(seconds=31)) == "died"


@pytest.mark.parametrize("state", ["finished", "failed", "died"])
def test_a_load_that_ended_stays_what_it_was(state):
    assert fate(load(state=state), HEARD + timedelta(days=1)) == state
