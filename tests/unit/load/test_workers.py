import os
import signal
from pathlib import Path

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.workers import Job, run_parallel


def refuse():
    raise Refusal("not this row")


def break_down():
    raise KeyError("unforeseen")


def test_results_come_back_by_name_whatever_the_number_of_processes():
    work = [Job(str(number), number, lambda number=number: {"square": number**2}) for number in range(5)]
    for processes in (1, 2, 9):
        assert run_parallel(work, processes) == {str(number): {"square": number**2} for number in range(5)}


def test_each_job_has_a_process_of_its_own():
    pids = run_parallel([Job("a", 1, os.getpid), Job("b", 1, os.getpid)], 2)
    assert len({*pids.values(), os.getpid()}) == 3


def test_the_heaviest_job_goes_first(tmp_path):
    log = tmp_path / "log"

    def note(name):
        with log.open("a") as stream:
            stream.write(name)

    run_parallel(
        [Job(name, weight, lambda name=name: note(name)) for name, weight in [("a", 1), ("c", 3), ("b", 2)]],
        1,
    )
    assert log.read_text() == "cba"


def test_a_result_may_be_larger_than_a_pipe():
    assert run_parallel([Job("a", 1, lambda: "x" * 1_000_000)], 1) == {"a": "x" * 1_000_000}


def children():
    """Return the processes that this one has started and that were not waited for."""
    threads = Path("/proc/self/task").iterdir()
    return {pid for thread in threads for pid in (thread / "children").read_text().split()}


def test_a_refusal_of_one_ends_the_others():
    reader, writer = os.pipe()  # its reading end never gets anything: a job that waits for ever
    others = children()  # of tests before
    try:
        with pytest.raises(Refusal, match="not this row"):
            run_parallel([Job("waits", 2, lambda: os.read(reader, 1) and None), Job("refuses", 1, refuse)], 2)
    finally:
        os.close(reader)
        os.close(writer)
    assert children() <= others


def test_what_nobody_foresaw_comes_with_its_traceback():
    with pytest.raises(RuntimeError, match=r"(?s)table a: Traceback.*unforeseen"):
        run_parallel([Job("table a", 1, break_down)], 1)


def test_a_process_that_is_killed_is_told():
    with pytest.raises(Refusal, match="table a: its process ended by signal 9"):
        run_parallel([Job("table a", 1, lambda: os.kill(os.getpid(), signal.SIGKILL))], 1)
