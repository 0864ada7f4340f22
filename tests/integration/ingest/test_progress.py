"""A load as Ansible runs it: in the background, shown while it runs, and never waited for in vain.

Each load is held in the middle by a trigger, until a connection of the test's opens the gate.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
import yaml
from tiers import full
from waiting import wait_for

from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.runs.steps import told_steps

ROOT = Path(__file__).parents[3]
GATE = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'gate') LOOP
        PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
    END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER held BEFORE INSERT ON book FOR EACH ROW WHEN (NEW.id = 9) EXECUTE FUNCTION wait();
"""


class Gate:
    """Keeps loads in the middle of table ``book`` until it is opened."""

    def __init__(self, staging):
        self._staging = staging
        self._connection = None

    def open(self):
        self._connection = self._staging.connect()
        with self._connection.cursor() as cursor:
            cursor.execute("SET application_name = 'gate'")

    def close(self):
        if self._connection is not None:
            self._connection.close()


@pytest.fixture
def gate(portal, staging):
    portal.schema((portal.folder / "schema.sql").read_text() + GATE)
    made = Gate(staging)
    yield made
    made.close()


class Controller:
    """Runs ``ingest_load`` by Ansible on this machine, with a folder of its own for the states of loads."""

    def __init__(self, portal, staging):
        self.work = portal.folder / "work"
        self.jobs = portal.folder / "jobs"
        self._arguments = {
            "dataset": str(portal.dataset),
            "staging_dsn": staging.dsn(),
            "first": True,
            "work": str(self.work),
            "operator": "0000-0002-1825-0097",
        }
        self._environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ASYNC_DIR": str(self.jobs),
            "ANSIBLE_NOCOLOR": "1",
            "TERM": "xterm",
        }
        self._environment.pop("CI", None)

    def start(self, run="run-1", *, stdout=subprocess.PIPE, arguments=(), **params):
        given = json.dumps({**self._arguments, "run": run, **params})
        ansible = [Path(sys.executable).with_name("ansible"), "localhost", "-i", "localhost,", "-c", "local"]
        interpreter = ["-e", f"ansible_python_interpreter={sys.executable}"]
        return subprocess.Popen(
            [*ansible, *interpreter, "-m", "dataportal.reingest.ingest_load", "-a", given, *arguments],
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=self._environment,
            start_new_session=True,
        )

    def path(self, run="run-1"):
        return self.work / run / "progress.json"

    def state(self, run="run-1"):
        return json.loads(self.path(run).read_text())

    def held(self, run="run-1"):
        """Return the state of a load once it is in the middle of its last table."""

        def there():
            return (
                self.path(run).exists()
                and [table["state"] for table in self.state(run)["tables"]] == ["done", "loading"]
                and self.state(run)["tables"][1]["rows"]
            )

        wait_for(there)
        return self.state(run)


@pytest.fixture
def controller(portal, staging):
    return Controller(portal, staging)


def test_the_state_of_a_load_is_readable_while_it_runs_and_tells_its_end(controller, gate, run_module):
    with controller.start() as process:
        state = controller.held()
        assert (state["run"], state["operator"], state["phase"]) == ("run-1", "0000-0002-1825-0097", "copy")
        size = (controller.work.parent / "r1/author.csv").stat().st_size
        assert state["tables"][0]["bytes"] == state["tables"][0]["total"] == size
        wait_for(lambda: controller.state()["heartbeat"] > state["heartbeat"])
        found = run_module("run_progress", work=str(controller.work))
        assert found["load"]["state"] == "running"
        assert "under way" in found["text"][0]
        assert found["text"][1].startswith("author")
        gate.open()
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    assert controller.state()["state"] == "finished"
    assert run_module("run_progress", work=str(controller.work))["load"]["state"] == "finished"


def test_the_result_is_the_modules_own_and_its_job_leaves_no_file(controller, load):
    with controller.start() as process:
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    result = yaml.safe_load(output.split("CHANGED => ")[1])
    own = load(force=True)
    hidden = {"invocation", "diff", "warnings"}  # Ansible does not show these as a part of the result
    assert set(result) == set(own) - hidden
    assert result["tables"] == own["tables"]
    assert result["changed"]
    assert list(controller.jobs.iterdir()) == []


def test_a_refusal_and_a_wrong_option_come_through(controller, portal):
    (portal.sources / "author.csv").unlink()
    with controller.start() as process:
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 2
    assert "author.csv does not exist" in output
    assert controller.state()["state"] == "failed"
    with controller.start(prove="nothing") as process:
        assert "value of prove must be one of" in process.communicate(timeout=60)[0]
    assert list(controller.jobs.iterdir()) == []


@full
def test_check_mode_is_a_plain_call(controller):
    with controller.start(arguments=["--check"]) as process:
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    assert not controller.path().exists()
    assert not controller.jobs.exists()


def test_a_load_that_is_killed_fails_the_task_within_seconds(controller, gate, run_module):
    with controller.start() as process:
        killed = controller.held()["process"]
        os.kill(killed, signal.SIGKILL)
        began = time.monotonic()
        output = process.communicate(timeout=60)[0]
    assert time.monotonic() - began < 30
    assert process.returncode == 2
    assert f"the load of run run-1 was lost: its process {killed} is gone" in output
    assert "it was in phase copy" in output
    assert str(controller.path()) in output
    found = run_module("run_progress", work=str(controller.work))
    assert found["load"]["state"] == "died"
    assert "died at" in found["text"][0]


@full
def test_a_load_all_of_which_is_killed_fails_the_task_too(controller, gate):
    """Neither the wrapper nor the reporter is left to say anything."""
    with controller.start() as process:
        killed = controller.held()["process"]
        wrapper = int(Path(f"/proc/{killed}/stat").read_text().rpartition(")")[2].split()[1])
        for each in (wrapper, reporter_of(killed), killed):
            os.kill(each, signal.SIGKILL)
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 2
    assert f"its process {killed} is gone" in output


def reporter_of(process):
    return int(Path(f"/proc/{process}/task/{process}/children").read_text().split()[0])


@pytest.mark.full
def test_a_load_that_lives_is_waited_for_however_late_its_heartbeat_is(controller, gate, run_module):
    with controller.start() as process:
        state = controller.held()
        os.kill(reporter_of(state["process"]), signal.SIGSTOP)  # as on a machine that is too busy for it
        told = rf"no sign of life for \d+ s; its process {state['process']} lives"  # late on a busy machine
        while (line := process.stdout.readline()) and not re.search(told, line):
            pass
        assert "playbooks/stop.yml" in line
        found = run_module("run_progress", work=str(controller.work))
        assert found["load"]["state"] == "running"
        assert f"its process {state['process']} lives" in found["text"][0]
        gate.open()
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    assert controller.state()["state"] == "finished"


@pytest.fixture
def late(portal):
    """Return a file: while it exists, the load's module does not begin, as on a machine that is very busy."""
    file = portal.folder / "late"
    file.touch()
    python = portal.folder / "python"
    wait = f"while [ -e {file} ]; do sleep 0.1; done"
    python.write_text(f'#!/bin/sh\ncase $1 in *_ingest_load.py) {wait} ;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    yield file
    file.unlink(missing_ok=True)


def late_python(late):
    return ["-e", f"ansible_python_interpreter={late.with_name('python')}"]


@pytest.mark.full
def test_a_load_that_begins_late_is_waited_for(controller, late):
    with controller.start(arguments=late_python(late)) as process:
        while (line := process.stdout.readline()) and "the load has written no state for" not in line:
            pass
        late.unlink()
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, line + output
    assert controller.state()["state"] == "finished"


@full
def test_a_load_that_was_killed_before_it_began_fails_the_task_within_seconds(controller, late):
    with controller.start(arguments=late_python(late)) as process:
        wait_for(lambda: job_processes(controller))
        for each in job_processes(controller):
            os.kill(each, signal.SIGKILL)
        began = time.monotonic()
        output = process.communicate(timeout=60)[0]
    assert time.monotonic() - began < 30
    assert process.returncode == 2
    assert "the load did not begin" in " ".join(output.split())


def job_processes(controller):
    """Return the wrapper's processes, and the module itself where it runs."""
    found = []
    for path in controller.jobs.glob("j*"):
        job = path.name.partition(".")[0]
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                command = entry.read_bytes().decode(errors="replace").split("\0")
                if job in command:
                    found.append(int(entry.parent.name))
    return found


def test_a_load_runs_on_without_its_controller_and_the_next_run_ends_it(controller, gate, staging):
    with controller.start() as process:
        state = controller.held()
        os.killpg(process.pid, signal.SIGKILL)
    wait_for(lambda: controller.state()["heartbeat"] > state["heartbeat"])
    with controller.start("run-2", arguments=["--check"]) as dry:
        output = dry.communicate(timeout=60)[0]
    assert dry.returncode == 0, output
    ends = "end the load of run run-1, which no run waits for"
    assert ends in output
    assert started_at(state["process"]) is not None
    told = told_steps(controller.work, "run-2")
    assert told[-1]["did"][0] == ends
    with controller.start("run-2", arguments=["--check"], plan_only=True) as plan:
        output = plan.communicate(timeout=60)[0]
    assert plan.returncode == 0, output
    assert told_steps(controller.work, "run-2") == told, "the load itself says it, once"

    with controller.start("run-2") as second:
        wait_for(lambda: started_at(state["process"]) is None)
        gate.open()
        output = second.communicate(timeout=60)[0]
    assert second.returncode == 0, output
    assert staging.rows("SELECT count(*) FROM book", "library") == [(2,)]


@pytest.fixture
def away(portal):
    """Return a file: while it exists, a host whose shell is the one beside it is out of reach."""
    there = portal.folder / "away"
    shell = portal.folder / "shell"
    shell.write_text(f'#!/bin/sh\n[ -e {there} ] && exit 255\nexec /bin/sh "$@"\n')
    shell.chmod(0o755)
    return there


def test_a_load_goes_on_while_its_host_is_out_of_reach(controller, gate, away):
    shell = f"ansible_shell_executable={away.with_name('shell')}"
    with controller.start(arguments=["-e", shell]) as process:
        controller.held()
        away.touch()
        seen = next((line for line in process.stdout if "no answer; the load runs on there" in line), "")
        assert seen, "it ended without a word of its host"
        gate.open()
        wait_for(lambda: controller.state()["state"] == "finished")
        away.unlink()
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    assert "localhost: answers again" in output


@full
def test_a_host_that_stays_out_of_reach_is_given_up_and_the_load_is_not(controller, gate, away):
    shell = f"ansible_shell_executable={away.with_name('shell')}"
    with controller.start(arguments=["-e", shell], patience=2) as process:
        state = controller.held()
        away.touch()
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 2
    assert "no answer for 0:00:0" in output
    assert "the next run ends it" in " ".join(output.split())
    assert started_at(state["process"]) == state["process_started"]
    gate.open()
    wait_for(lambda: controller.state()["state"] == "finished")


@full
def test_a_log_gets_few_lines_at_once(controller, gate):
    with controller.start() as process:
        controller.held()
        line = process.stdout.readline()  # it is there while the load is held: nothing waits for a full block
        assert line.startswith("localhost: total  [")
        gate.open()
        rest = process.communicate(timeout=60)[0]
    lines = [one for one in (line + rest).splitlines() if one.startswith("localhost: ")]
    assert 2 <= len(lines) <= 4
    assert "finished" in lines[-1]
    assert "\x1b" not in line + rest


def test_a_terminal_gets_a_line_for_each_table_drawn_in_place(controller, gate):
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    with controller.start(stdout=end) as process:
        os.close(end)
        shown = b""
        while shown.count(b"\x1b[3A") < 2:
            shown += os.read(terminal, 1 << 16)
        gate.open()
        try:
            while block := os.read(terminal, 1 << 16):
                shown += block
        except OSError:
            pass  # Linux says so when the other side is closed
    os.close(terminal)
    assert process.returncode == 0, shown
    frames = shown.decode().split("\x1b[3A\r\x1b[J")
    assert [line.split()[0] for line in frames[1].splitlines()] == ["author", "book", "total"]
    assert "finished" in frames[-1].splitlines()[2]


@full
def test_nothing_is_shown_where_that_is_asked_for(controller):
    with controller.start(show="none") as process:
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "total" not in output.split("=>")[0]
