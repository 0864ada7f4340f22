"""What a program costs: wall time, CPU of itself and of the server, and memory of its whole process tree."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 0.2  # memory is sampled; more often would take time from what is measured
_TICKS = os.sysconf("SC_CLK_TCK")
_CPU = slice(11, 15)  # of /proc/<pid>/stat behind the name: its own and its waited-for children's


@dataclass(frozen=True)
class Cost:
    """``peak_mb`` is the highest sum of PSS over the process tree; the server is not in it."""

    wall_s: float
    cpu_s: float
    server_cpu_s: float
    peak_mb: float


def run(command, server_pid, *, stdin="", env=None):
    """Run a program and return its output and its cost; the benchmark ends with its output when it fails."""
    if not Path("/proc/thread-self/children").exists():
        raise SystemExit("this kernel does not list the children of a process, so memory cannot be measured")
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as out:
        given.write(stdin)
        given.seek(0)
        command = [str(part) for part in command]
        server_before = tree_cpu_s(server_pid)
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=given, stdout=out, stderr=subprocess.STDOUT, env=env)
        with _PeakMemory(process.pid) as memory:
            _, status, used = os.wait4(process.pid, 0)
            wall_s = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read()
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{output}")
    cost = Cost(
        wall_s=wall_s,
        cpu_s=used.ru_utime + used.ru_stime,
        server_cpu_s=tree_cpu_s(server_pid) - server_before,
        peak_mb=memory.peak / 1e6,
    )
    return output, cost


def tree_cpu_s(root):
    """Return the CPU seconds of a process and all its descendants, the ended ones it waited for included."""
    ticks = 0
    for pid in _tree(root):
        stat = (
            _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        )  # behind the name, which may hold anything
        ticks += sum(map(int, stat[_CPU]))
    return ticks / _TICKS


class _PeakMemory:
    """Samples the memory of a process tree until it is left."""

    def __init__(self, pid):
        self.peak = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _sample(self):
        while not self._over.wait(EVERY_S):
            self.peak = max(self.peak, sum(_pss(pid) for pid in _tree(self._pid)))


def _tree(root):
    """Yield a process and its descendants."""
    yield root
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{root}/task").iterdir():
            for child in _read(task / "children").split():
                yield from _tree(int(child))


def _pss(pid):
    lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _read(path):
    """Return what the kernel says; nothing of a process that has ended."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
