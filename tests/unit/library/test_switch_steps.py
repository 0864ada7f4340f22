"""``switch_steps`` through its real ``main``, with processes: what is begun before it is its turn."""

from __future__ import annotations

import socket
import sys

import pytest

# It accepts connections once the writer was begun: so it never does where that is only started afterwards.
_DATABASE = """
import pathlib, socket, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
pathlib.Path(sys.argv[3]).touch()
while True:
    listener.accept()
"""


@pytest.fixture
def switch(tmp_path, run_module):
    """Return ``run(writer_script, ...)``: starts a database, then a writer that runs the shell script."""
    begun, there = tmp_path / "begun", tmp_path / "there"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {
        "engine": "process",
        "records": str(tmp_path / "records"),
        "snapshot": "20261123T114500Z",
        "start_timeout": 5,
    }
    production = {
        "name": "db",
        "command": [sys.executable, "-c", _DATABASE, str(begun), str(port), str(there)],
        "health": {"tcp": f"127.0.0.1:{port}"},
    }
    writers = []

    def run(script, *, waits=True, **more):
        command = ["/bin/sh", "-c", script.format(begun=begun, there=there)]
        writers[:] = [{"name": "portal", "command": command, "waits_for_database": waits}]
        steps = ["start_production", "start_writers"]
        told = {**options, "production": [production], "writers": writers, "steps": steps, **more}
        return run_module("switch_steps", **told)

    yield run
    del options["snapshot"]
    run_module("service_group", state="stopped", services=[production, *writers], **options)


def test_a_writer_that_waits_for_its_database_is_started_together_with_it(switch):
    made = switch("touch {begun}; exec sleep 600")
    assert (made["failed_step"], made["step"]["did"]) == ("", ["start db", "start portal"])


def test_one_that_ends_without_its_database_is_started_again_when_that_is_there(switch):
    made = switch("touch {begun}; test -e {there} || exit 1; exec sleep 600")
    assert (made["failed_step"], made["step"]["did"]) == ("", ["start db", "start portal"])


def test_any_other_writer_is_started_when_its_database_accepts_logins(switch, tmp_path):
    made = switch("touch {begun}; exec sleep 600", waits=False, start_timeout=0.5)
    assert made["failed_step"] == "Start production"
    assert not (tmp_path / "begun").exists()


def test_a_dry_run_starts_nothing_early(switch, tmp_path):
    made = switch("touch {begun}; exec sleep 600", check=True)
    assert made["step"]["did"] == ["start db", "start portal"]
    assert not (tmp_path / "begun").exists()
