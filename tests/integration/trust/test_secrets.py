"""Secrets of services are in no output of a run, however loud, and in none of its records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SECRET = "hidden-fRagment/7"
QUOTED = "hidden-fRagment%2F7"
SERVICE = {
    "name": "portal",
    "command": [
        sys.executable,
        "-c",
        "import os; raise SystemExit('no server at {PORTAL_DSN} for {API_TOKEN}'.format(**os.environ))",
    ],
    "health": {"tcp": "127.0.0.1:1"},
    "environment": {
        "PORTAL_DSN": f"postgresql://portal:{QUOTED}@127.0.0.1:1/portal",
        "API_TOKEN": SECRET,
    },
}


@pytest.mark.attack
@pytest.mark.parametrize("option", ["service_group", "switch_window"])
def test_a_service_s_environment_is_told_by_its_names_only(tmp_path, option):
    where = {
        "work": str(tmp_path / "work"),
        "run": "20261123T114500Z-4711",
        "operator": "0000-0002-1825-0097",
    }
    if option == "service_group":
        more = {"services": [SERVICE], "state": "started", "start_timeout": 5}
    else:
        more = {"writers": [SERVICE], "state": "recovered", "start": True, "start_timeout": 5}
    task = {f"dataportal.reingest.{option}": {**where, **more, "engine": "process"}}
    (tmp_path / "play.json").write_text(
        json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    )
    done = subprocess.run(
        [
            f"{ROOT}/.venv/bin/ansible-playbook",
            "-vvv",
            "--diff",
            "-i",
            "localhost,",
            "-c",
            "local",
            "-e",
            f"ansible_python_interpreter={sys.executable}",
            "play.json",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg",
            "ANSIBLE_LOG_PATH": str(tmp_path / "log"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = done.stdout + done.stderr
    assert "its log ends: no server at" in output, output
    assert "PORTAL_DSN" in output
    kept = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name not in ("play.json", "portal.log")
    ]
    assert tmp_path / "work/20261123T114500Z-4711/steps.jsonl" in kept
    for text in (output, *(path.read_text(errors="replace") for path in kept)):
        assert SECRET not in text
        assert QUOTED not in text
