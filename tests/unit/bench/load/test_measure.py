"""What the benchmark measures of a program: its whole process tree, ended processes included."""

from __future__ import annotations

import os
import sys

import pytest
from bench.load.measure import run

TWO_CHILDREN = """
import os, time
for _ in range(2):
    if os.fork() == 0:
        held = b"x" * 50_000_000
        time.sleep(1)
        os._exit(0)
os.wait(), os.wait()
print("done")
"""
BUSY_CHILD = """
import os, time
if os.fork() == 0:
    while time.process_time() < 0.3:
        pass
    os._exit(0)
os.wait()
"""


def test_memory_is_the_sum_of_all_processes():
    output, cost = run([sys.executable, "-c", TWO_CHILDREN], os.getpid())
    assert output == "done\n"
    assert 100 <= cost.peak_mb < 160
    assert cost.wall_s >= 1


def test_cpu_is_that_of_the_program_and_of_its_ended_children():
    _, cost = run([sys.executable, "-c", BUSY_CHILD], os.getpid())
    assert cost.cpu_s >= 0.3
    assert (
        cost.server_cpu_s >= 0.28
    )  # this process stands for the server: the child that it waited for is its own


def test_a_program_gets_its_input_and_a_failure_ends_the_benchmark_with_its_output():
    with pytest.raises(SystemExit, match="ended with 3:\nno such thing"):
        run(["sh", "-c", "cat; exit 3"], os.getpid(), stdin="no such thing")
