"""The command of a look is run by a real shell, upon real processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest
from unit.load.states import load, table

from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.load.look import NoAnswerError, look_command, read_look

JOB = "j402931457781.4711"


@pytest.fixture
def process():
    """Return a process whose only argument is a job's id, as that of the job's wrapper."""
    script = "import sys, time; print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script, "j402931457781"], stdout=subprocess.PIPE) as made:
        made.stdout.readline()
        yield made
        made.kill()


def state_of(process):
    return load(table(), process=process.pid, process_started=started_at(process.pid))


def look(file, known=None, job=""):
    command = look_command(str(file), known, job)
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    return read_look(done.stdout, known)


def look_through_a_terminal(file, known, job):
    """Look as Ansible does over SSH without pipelining: the terminal ends lines with two characters."""
    ours, theirs = os.openpty()
    command = ["/bin/sh", "-c", look_command(str(file), known, job)]
    with subprocess.Popen(command, stdout=theirs):
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # EIO is how a terminal ends, once all of it was read
            while piece := os.read(ours, 1 << 16):
                said += piece
        os.close(ours)
    return read_look(said.decode(), known)


def test_a_load_that_has_written_nothing_yet_has_no_state(tmp_path):
    found = look(tmp_path / "none")
    assert (found.state, found.gone, found.job_gone) == (None, False, False)


def test_the_state_is_read_whatever_the_loader_says_in_it(tmp_path, process):
    file = tmp_path / "it's a file"
    known = load(table(), line="reingest-process: reingest-job: } reingest-seen {")
    file.write_text(json.dumps(known.as_values()))
    assert look(file).state == known
    assert look(file, state_of(process), JOB).state == known


@pytest.mark.parametrize("sent", [None, signal.SIGSTOP])
def test_a_process_that_works_or_is_stopped_lives(tmp_path, process, sent):
    known = state_of(process)
    if sent:
        process.send_signal(sent)
    assert not look(tmp_path / "none", known).gone


def test_through_a_terminal_the_same_is_seen(tmp_path, process):
    file = tmp_path / "progress.json"
    known = state_of(process)
    file.write_text(json.dumps(known.as_values()))
    found = look_through_a_terminal(file, known, JOB)
    assert (found.state, found.gone, found.job_gone) == (known, False, False)
    process.kill()
    process.wait()
    found = look_through_a_terminal(file, known, JOB)
    assert (found.state, found.gone, found.job_gone) == (known, True, True)


def test_a_process_that_was_killed_is_gone_before_anybody_asks_for_its_exit_code(tmp_path, process):
    known = state_of(process)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
    assert look(tmp_path / "none", known).gone
    process.wait()
    assert look(tmp_path / "none", known).gone


def test_a_process_that_got_the_id_of_the_load_s_is_another(tmp_path):
    known = load(table(), process=os.getpid(), process_started="1")
    assert look(tmp_path / "none", known).gone


def test_a_job_lives_while_a_process_of_it_does(tmp_path, process):
    assert not look(tmp_path / "none", job=JOB).job_gone
    process.kill()
    process.wait()
    assert look(tmp_path / "none", job=JOB).job_gone


@pytest.mark.parametrize("answer", ["", "reingest-see", "ssh: connect to host db: Connection refused"])
def test_what_is_no_answer_says_nothing(answer):
    with pytest.raises(NoAnswerError):
        read_look(answer, None)


@pytest.mark.attack
@pytest.mark.parametrize("text", ["1) S 2", ") ", "1 (x) S", "1 (x) R 1 2 3", "(" * 9])
def test_an_answer_without_a_start_time_is_of_no_process(text):
    answer = f"\nreingest-process:\n{text}\nreingest-seen\n"
    assert read_look(answer, load(table())).gone


@pytest.mark.attack
def test_a_state_that_names_a_command_in_place_of_its_process_is_none(tmp_path):
    state = {**load(table()).as_values(), "process": f"1/stat; touch {tmp_path}/done; :"}
    assert read_look(f"{json.dumps(state)}\nreingest-seen\n", None).state is None
