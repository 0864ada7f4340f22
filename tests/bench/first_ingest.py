"""Time a first ingest with the demo's inventory, and one that changes nothing: `make bench-ingest`.

Of the demo's release 1, and of the same cut down to ten records a file (``tiny.py``): what a whole run costs
beside its data. Its goal is GOAL_S from command to prompt, on a quiet machine of 2 cores; a table says where
the time goes. DATA="tiny" measures that alone.

Each round has a home, servers and ports of its own. With ``BASE=<another checkout>`` (a worktree of an
earlier commit, with a ``.venv``) both are measured in turn, with release 1. Prints, and writes to
build/bench/ingest.json, for each tree the medians of wall and CPU seconds and the number of tasks, and the
stages' time as the run's own report has it. CPU seconds are those of Ansible, the modules and the load in the
background; PostgreSQL and the portal run on.
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
sys.path.insert(0, str(ROOT / "tests"))

from bench.tiny import make_tiny  # noqa: E402 - the path comes first

ROUNDS = int(os.environ.get("ROUNDS") or 5)
DATA = (os.environ.get("DATA") or "release tiny").split()
GOAL_S = 12.0
_SUBREAPER = 36  # of prctl: what a process leaves behind becomes this one's child, and its time is counted


def free_ports(count):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(one.getsockname()[1]) for one in listeners]
    for one in listeners:
        one.close()
    return ports


def play(tree, environment, sources):
    """Run the ingest in a tree; return its wall and CPU seconds and its number of tasks."""
    told = ["-i", "inventories/demo", "-e", f"reingest_sources={sources}"]
    command = [tree / ".venv/bin/ansible-playbook", "ingest.yml", *told]
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


def measure(tree, data="release"):
    """Return the figures of one round in a tree: a first ingest, and one that changes nothing."""
    home = Path(tempfile.mkdtemp(prefix="reingest-bench-", dir="/var/tmp"))
    home.chmod(0o755)
    names = ("DEMO_PRODUCTION_PORT", "DEMO_STAGING_PORT", "DEMO_PORTAL_PORT")
    ports = dict(zip(names, free_ports(3)))
    environment = {**os.environ, **ports, "REINGEST_DEMO_HOME": str(home), "ANSIBLE_NOCOLOR": "1"}
    try:
        subprocess.run([tree / "demo/prepare"], check=True, env=environment, stdout=subprocess.DEVNULL)
        sources = tree / "demo/data/r1_2020-07-28"
        if data == "tiny":
            sources = make_tiny(sources, home / "tiny")
        first, first_cpu, tasks = play(tree, environment, sources)
        report = json.loads(next(home.glob("volume/.reingest/runs/*/report.json")).read_text())
        again, again_cpu, tasks_again = play(tree, environment, sources)
        return {
            "first_s": first,
            "first_cpu_s": first_cpu,
            "first_tasks": tasks,
            "again_s": again,
            "again_cpu_s": again_cpu,
            "again_tasks": tasks_again,
            "window_s": report["window_seconds"],
            "steps_s": sum(step["seconds"] for step in report["steps"]),
            **{f"stage {stage['name']}": stage["seconds"] for stage in report["stages"]},
        }
    finally:
        end_services(home)
        shutil.rmtree(home, ignore_errors=True)


def medians(rounds):
    return {name: round(statistics.median(one[name] for one in rounds), 2) for name in rounds[0]}


def main(base):
    ways = {"here": (ROOT, "release"), "tiny": (ROOT, "tiny")}
    ways = {name: way for name, way in ways.items() if way[1] in DATA}
    if base:
        ways["base"] = (Path(base).resolve(), "release")
    rounds = {name: [] for name in ways}
    for number in range(1, ROUNDS + 1):
        for name in ways if number % 2 else reversed(ways):
            rounds[name].append(measure(*ways[name]))
            print(f"round {number}, {name}: {json.dumps(rounds[name][-1])}", flush=True)
    result = {"rounds": ROUNDS, "goal_s": GOAL_S, **{name: medians(found) for name, found in rounds.items()}}
    if base:
        keys = ("first_s", "first_cpu_s", "again_s", "again_cpu_s")
        result["ratio"] = {key: round(result["here"][key] / result["base"][key], 2) for key in keys}
    target = ROOT / "build/bench/ingest.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    if "tiny" in result:
        show(result["tiny"])


def show(tiny):
    """Print where the time of the tiny first ingest goes."""
    print(f"\n{tiny['first_tasks']:.0f} tasks, {tiny['first_s']:.1f} s; the goal is {GOAL_S:g} s")
    stages = {name: seconds for name, seconds in tiny.items() if name.startswith("stage ")}
    for name, seconds in stages.items():
        print(f"{seconds:>8.2f}  {name.removeprefix('stage ')}")
    print(f"{tiny['first_s'] - sum(stages.values()):>8.2f}  before the first step, and after the last")
    print(f"{tiny['steps_s']:>8.2f}  of all this in the modules' own steps; the rest is Ansible's")


if __name__ == "__main__":
    main(os.environ.get("BASE", ""))
