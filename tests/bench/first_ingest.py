"""Time a first ingest with the demo's inventory, and one that changes nothing: `make bench-ingest`.

Each round has a home, servers and ports of its own. With ``BASE=<another checkout>`` (a worktree of an
earlier commit, with a ``.venv``) both are measured in turn. Prints, and writes to build/bench/ingest.json,
for each tree the medians of wall and CPU seconds and the number of tasks, and the stages' time as the run's
own report has it. CPU seconds are those of everything that a round started: Ansible, the modules, the load in
the background, PostgreSQL and the portal.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROUNDS = 5
GOAL_S = 15.0
_SUBREAPER = 36  # of prctl: what a process leaves behind becomes this one's child, and its time is counted


def free_ports(count):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(one.getsockname()[1]) for one in listeners]
    for one in listeners:
        one.close()
    return ports


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def play(tree, environment):
    """Run the ingest in a tree; return its wall seconds and its number of tasks."""
    begun = time.monotonic()
    release = f"reingest_sources={tree}/demo/data/r1_2020-07-28"
    command = [tree / ".venv/bin/ansible-playbook", "ingest.yml", "-i", "inventories/demo", "-e", release]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.monotonic() - begun, done.stdout.count("TASK [")


def end_all():
    """End what the round left running, and wait for all of it."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                os.kill(int(path.parent.name), signal.SIGQUIT)
    with suppress(ChildProcessError):  # none is left
        while True:
            os.waitpid(-1, 0)


def measure(tree):
    """Return the figures of one round in a tree: a first ingest, and one that changes nothing."""
    home = Path(tempfile.mkdtemp(prefix="reingest-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    names = ("DEMO_PRODUCTION_PORT", "DEMO_STAGING_PORT", "DEMO_PORTAL_PORT")
    ports = dict(zip(names, free_ports(3)))
    environment = {**os.environ, **ports, "REINGEST_DEMO_HOME": str(home), "ANSIBLE_NOCOLOR": "1"}
    try:
        subprocess.run([tree / "demo/prepare"], check=True, env=environment, stdout=subprocess.DEVNULL)
        before = cpu_seconds()
        first, tasks = play(tree, environment)
        between = cpu_seconds()
        report = json.loads(next(home.glob("volume/.reingest/runs/*/report.json")).read_text())
        again, tasks_again = play(tree, environment)
        after = cpu_seconds()
        end_all()
        whole = cpu_seconds() - before
        return {
            "first_s": first,
            "first_cpu_s": whole - (after - between),
            "first_tasks": tasks,
            "again_s": again,
            "again_cpu_s": after - between,
            "again_tasks": tasks_again,
            "window_s": report["window_seconds"],
            **{f"stage {stage['name']}": stage["seconds"] for stage in report["stages"]},
        }
    finally:
        shutil.rmtree(home, ignore_errors=True)


def medians(rounds):
    return {name: round(statistics.median(one[name] for one in rounds), 2) for name in rounds[0]}


def main(base):
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    trees = {"here": ROOT, **({"base": Path(base).resolve()} if base else {})}
    rounds = {name: [] for name in trees}
    for number in range(1, ROUNDS + 1):
        for name in trees if number % 2 else reversed(trees):
            rounds[name].append(measure(trees[name]))
            print(f"round {number}, {name}: {json.dumps(rounds[name][-1])}", flush=True)
    result = {"rounds": ROUNDS, "goal_s": GOAL_S, **{name: medians(found) for name, found in rounds.items()}}
    if base:
        keys = ("first_s", "first_cpu_s", "again_s", "again_cpu_s")
        result["ratio"] = {key: round(result["here"][key] / result["base"][key], 2) for key in keys}
    target = ROOT / "build/bench/ingest.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(os.environ.get("BASE", ""))
