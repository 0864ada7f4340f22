"""The prober of a real run: it outlives the module, sees that its ansible-playbook is gone, and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from unit.outage.portal import serving
from waiting import wait_for

from plugins.module_utils.reingest.fs.lock_file import worker_at
from plugins.module_utils.reingest.outage.probe_record import LOCK, end_prober

ROOT = Path(__file__).parents[2]
LINGER_S = 1.0


def play(tmp_path, portal, seconds):
    """Start a run of two tasks: the prober is started, then the run works on for a while."""
    watch = {
        "work": str(tmp_path / "work"),
        "run": "run-1",
        "portal_url": portal.url,
        "portal_release_key": "release",
        "interval": 0.02,
        "linger": LINGER_S,
        "longest": 3600,
    }
    tasks = [
        {"dataportal.reingest.outage_watch": watch, "register": "told"},
        {"ansible.builtin.assert": {"that": "told.measured"}},
        {"ansible.builtin.command": f"sleep {seconds}"},
    ]
    (tmp_path / "work").mkdir(mode=0o700)
    playbook = tmp_path / "play.json"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    command = [ROOT / ".venv/bin/ansible-playbook", "-i", "localhost,", "-c", "local", playbook]
    environment = {**os.environ, "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_it_ends_by_itself_when_the_playbook_that_started_it_is_killed(tmp_path):
    folder = tmp_path / "work/run-1"
    with serving() as portal:
        with play(tmp_path, portal, seconds=10) as run:
            wait_for(lambda: worker_at(folder / LOCK))
            time.sleep(2 * LINGER_S)
            assert run.poll() is None
            assert worker_at(folder / LOCK)  # it lives while its run does
            run.kill()
        gone = time.monotonic()
        wait_for(lambda: worker_at(folder / LOCK) is None)
    assert 0.8 * LINGER_S < time.monotonic() - gone < 10
    assert json.loads((folder / "probe.json").read_text())["ended"] == "its run is gone for 1 s"
    seen = end_prober(folder)
    assert seen.probes > 50
    assert (seen.failed, seen.release) == (0, "r1")
