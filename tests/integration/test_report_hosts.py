"""The report of a run that lost a host has the steps of all others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from claims import claim_for

from plugins.module_utils.reingest.runs.steps import StepClock, append_step
from plugins.module_utils.reingest.volume.layout import Volume

ROOT = Path(__file__).parents[2]
RUN = "20261123T120000Z-ab"


def test_the_steps_of_all_hosts_but_the_lost_one_are_in_the_report(tmp_path):
    volume = Volume(tmp_path / "volume")
    volume.ingest.mkdir(parents=True, mode=0o700)
    claim_for(volume, RUN)
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    for host in ("db", "web"):
        append_step(tmp_path / host, RUN, StepClock("switch").step([f"stop {host}"], changed=True))
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"web": here, "far": away, "db": here}}}))
    context = {
        "run": RUN,
        "operator": "0000-0002-1825-0097",
        "playbook": "ingest",
        "work": str(tmp_path) + "/{{ inventory_hostname }}",
        "volume": "{{ '" + str(volume.root) + "' if inventory_hostname == 'db' else '' }}",
    }
    role = {"name": "dataportal.reingest.report", "tasks_from": "failed"}
    play = {
        "hosts": "all",
        "gather_facts": False,
        "any_errors_fatal": True,
        "module_defaults": {"group/dataportal.reingest.run": context},
        "vars": {"report_volume": "{{ inventory_hostname == 'db' }}"},
        "tasks": [
            {"block": [{"ansible.builtin.ping": {}}], "rescue": [{"ansible.builtin.import_role": role}]}
        ],
    }
    playbook = tmp_path / "play.json"
    playbook.write_text(json.dumps([play]))
    done = subprocess.run(
        [ROOT / ".venv/bin/ansible-playbook", "-i", inventory, playbook],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    report = json.loads((volume.run(RUN) / "report.json").read_text())
    assert [(step["host"], step["did"]) for step in report["steps"]] == [
        ("db", ["stop db"]),
        ("web", ["stop web"]),
    ], done.stdout
    assert (report["missing"], report["failure"]) == (["far"], "lost contact with far")
