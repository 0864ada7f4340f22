from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from unit.load.states import load

from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.runs.ending import end_load, loads_of_others

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
print(os.getpid() if child else "", end="\\n" if child else "", flush=True)
time.sleep(60)
"""


@pytest.fixture
def process():
    with subprocess.Popen(["sleep", "60"]) as running:
        yield running
        running.kill()


def of(process, **values):
    return load(
        **{"process": process.pid, "process_started": started_at(process.pid), "run": "dead", **values}
    )


def put(work, *loads):
    for one in loads:
        (work / one.run).mkdir()
        (work / one.run / "progress.json").write_text(json.dumps(one.as_values()))


def test_the_load_of_another_run_into_the_same_server_is_found(tmp_path, process):
    put(
        tmp_path,
        of(process),
        of(process, run="mine"),
        of(process, run="of another portal", staging="db2:5432"),
        of(process, run="ended", state="finished"),
        of(process, run="before the process", process_started="1"),
        of(process, run="of another machine", machine="other/boot/1"),
    )
    assert [one.run for one in loads_of_others(tmp_path, "mine", "db:5432")] == ["dead"]


def test_it_is_ended_and_nothing_else(tmp_path, process):
    with subprocess.Popen(["sleep", "60"]) as other:
        # nobody reaps `process` while it is waited for: as a zombie it is gone, too
        end_load(of(process))
        assert process.wait(5) == -signal.SIGTERM
        end_load(of(other, process_started="1"))  # the id was used again
        assert other.poll() is None
        other.kill()


def test_a_load_that_does_not_listen_is_killed_and_its_children_are_waited_for():
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as stubborn:
        assert int(stubborn.stdout.readline()) == stubborn.pid
        children = Path(f"/proc/{stubborn.pid}/task/{stubborn.pid}/children")
        child = int(children.read_text().split()[0])
        began = time.monotonic()
        with subprocess.Popen(["sh", "-c", f"sleep 7; kill -9 {child}"]):
            end_load(of(stubborn))
        assert time.monotonic() - began > 5
        assert (started_at(stubborn.pid), started_at(child)) == (None, None)
