"""Time a first ingest with the demo's inventory, and one that changes nothing: `make bench-ingest`.

Each round has a home, servers and ports of its own. With ``BASE=<another checkout>`` (a worktree of an
earlier commit, with a ``.venv``) both are measured in turn. Prints, and writes to build/bench/ingest.json,
for each tree the medians of wall and CPU seconds and the number of tasks, and the stages' time as the run's
own report has it. CPU seconds are those of Ansible, the modules and the load in the background; PostgreSQL
and the portal run on.
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
ROUNDS = int(os.environ.get("ROUNDS", "5"))
GOAL_S = 15.0
_SUBREAPER = 36  # of prctl: what a process leaves behind becomes this one's child, and its time is counted


def free_ports(count):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(one.getsockname()[1]) for one in listeners]
    for one in listeners:
        one.close()
    return ports


def play(tree, environment):
    """Run the ingest in a tree; return its wall and CPU seconds and its number of tasks."""
    release = f"reingest_sources={tree}/demo/data/r1_2020-07-28"
    command = [tree / ".venv/bin/ansible-playbook", "ingest.yml", "-i", "inventories/demo", "-e", release]
    with tempfile.TemporaryFile("w+") as output:
        begun = time.monotonic()
        code, cpu = reaped(lambda: subprocess.Popen(command, cwd=tree, env=environment, stdout=output))
        wall = time.monotonic() - begun
        output.seek(0)
        told = output.read()
    if code:
        sys.exit(told)
    return wall, cpu, told.count("TASK [")


def reaped(start):
    """Run a command below a process that reaps all that it leaves; return its exit code and CPU seconds."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
        begun, ended = start().pid, 0
        while ended != begun:
            ended, status = os.wait()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.write(
            writing, json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime]).encode()
        )
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as result:
        code, cpu = json.loads(result.read())
    os.wait()
    return code, cpu


def end_services(home, records="work/services/*.process"):
    """End the servers and the portal of a round, and wait until they are gone."""
    processes = [int(path.read_text().split()[0]) for path in home.glob(records)]
    for number in (signal.SIGQUIT, signal.SIGTERM):  # a server's quickest end, and anything else's
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)
    while any(Path(f"/proc/{process}").exists() for process in processes):
        time.sleep(0.05)


def measure(tree):
    """Return the figures of one round in a tree: a first ingest, and one that changes nothing."""
    home = Path(tempfile.mkdtemp(prefix="reingest-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    names = ("DEMO_PRODUCTION_PORT", "DEMO_STAGING_PORT", "DEMO_PORTAL_PORT")
    ports = dict(zip(names, free_ports(3)))
    environment = {**os.environ, **ports, "REINGEST_DEMO_HOME": str(home), "ANSIBLE_NOCOLOR": "1"}
    try:
        subprocess.run([tree / "demo/prepare"], check=True, env=environment, stdout=subprocess.DEVNULL)
        first, first_cpu, tasks = play(tree, environment)
        report = json.loads(next(home.glob("volume/.reingest/runs/*/report.json")).read_text())
        again, again_cpu, tasks_again = play(tree, environment)
        return {
            "first_s": first,
            "first_cpu_s": first_cpu,
            "first_tasks": tasks,
            "again_s": again,
            "again_cpu_s": again_cpu,
            "again_tasks": tasks_again,
            "window_s": report["window_seconds"],
            **{f"stage {stage['name']}": stage["seconds"] for stage in report["stages"]},
        }
    finally:
        end_services(home)
        shutil.rmtree(home, ignore_errors=True)


def medians(rounds):
    return {name: round(statistics.median(one[name] for one in rounds), 2) for name in rounds[0]}


def main(base):
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
