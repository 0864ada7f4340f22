"""Time a switch with 1, 4 and 10 backend hosts, controller's CPU apart from hosts': `make bench-hosts`.

All hosts are this machine (``connection: local``), each with a work folder and a backend of its own; so there
are no connections as in a real cluster, and the modules of all hosts take turns on the same cores. A backend
is a process that does nothing: its own start is no matter here. The CPU of hosts is what the Python of their
modules and what that waits for took, by a wrapper around the interpreter; the rest is the controller's.

The demo's two releases are ingested once, then promoted in turn, ROUNDS (3) times for each number of HOSTS
("1 4 10"). Prints, and writes to build/bench/hosts.json, medians.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.first_ingest import end_services, free_ports, reaped  # noqa: E402 - the paths come first

HOSTS = tuple(int(one) for one in (os.environ.get("HOSTS") or "1 4 10").split())
ROUNDS = int(os.environ.get("ROUNDS") or 3)
RELEASES = ("r1_2020-07-28", "r2_2021-02-01")
_WRAPPER = """#!/bin/bash
{python} "$@"
code=$?
times > {folder}/$$.$RANDOM
exit $code
"""


class Site:
    """The demo on a volume of its own, with any number of backend hosts."""

    def __init__(self, home: Path) -> None:
        home.chmod(0o755)
        self.home, self.used, self.python = home, home / "used", home / "python"
        names = ("DEMO_PRODUCTION_PORT", "DEMO_STAGING_PORT", "DEMO_PORTAL_PORT")
        ports = dict(zip(names, free_ports(3)))
        self.environment = {**os.environ, **ports, "REINGEST_DEMO_HOME": str(home), "ANSIBLE_NOCOLOR": "1"}
        subprocess.run([ROOT / "demo/prepare"], check=True, env=self.environment, stdout=subprocess.DEVNULL)
        self.used.mkdir()
        self.python.write_text(_WRAPPER.format(python=sys.executable, folder=self.used))
        self.python.chmod(0o755)

    def inventory(self, hosts: int) -> Path:
        """Return an inventory with so many hosts of the portal beside the one of the volume."""
        copy = self.home / f"inventory-{hosts}"
        if copy.exists():
            return copy
        shutil.copytree(ROOT / "inventories/demo", copy)
        variables = copy / "group_vars/all.yml"
        text = variables.read_text().replace("(inventory_dir ~ '/../..')", f"'{ROOT}'")
        lines = [line for line in text.splitlines() if not line.startswith("reingest_portal_url:")]
        variables.write_text("\n".join(lines) + "\n")  # the login alone proves what is served
        backends = {
            f"portal{number}": {
                "ansible_python_interpreter": str(self.python),
                "reingest_work": str(self.home / f"work/portal{number}"),
                "reingest_services": {"backend": {"command": ["sleep", "infinity"]}},
            }
            for number in range(1, hosts + 1)
        }
        volume = {"demo": {"ansible_python_interpreter": str(self.python)}}
        groups = {"worker": volume, "db": volume, "backend": backends}
        told = {name: {"hosts": members} for name, members in groups.items()}
        (copy / "hosts.yml").write_text(json.dumps(told))  # JSON is YAML
        return copy

    def play(self, hosts: int, *arguments: str) -> dict[str, float]:
        """Make a run; return its figures."""
        for file in self.used.iterdir():
            file.unlink()
        command = [ROOT / ".venv/bin/ansible-playbook", *arguments, "-i", self.inventory(hosts)]
        with tempfile.TemporaryFile("w+") as output:
            began = time.monotonic()
            code, cpu = reaped(
                lambda: subprocess.Popen(
                    command, cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT
                )
            )
            wall = time.monotonic() - began
            output.seek(0)
            if code:
                sys.exit(output.read())
        used = sum(_seconds(file.read_text()) for file in self.used.iterdir())
        runs = (self.home / "volume/.reingest/runs").glob("*/report.json")
        report = json.loads(max(runs, key=lambda one: one.stat().st_mtime).read_text())
        return {
            "run_s": wall,
            "window_s": report["window_seconds"],
            "controller_cpu_s": cpu - used,
            "hosts_cpu_s": used,
            "host_tasks": len(list(self.used.iterdir())),
        }

    def snapshots(self) -> list[str]:
        return sorted(path.name for path in (self.home / "volume/staging").iterdir())


def _seconds(told: str) -> float:
    """Return the sum of the line that bash's ``times`` has of its children: ``0m0.412s 0m0.051s``."""
    parts = (one.rstrip("s").split("m") for one in told.splitlines()[-1].split())
    return sum(60 * int(minutes) + float(seconds) for minutes, seconds in parts)


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="reingest-bench-", dir="/var/tmp"))
    try:
        site = Site(home)
        for release in RELEASES:
            site.play(HOSTS[0], "ingest.yml", "-e", f"reingest_sources={ROOT}/demo/data/{release}")
        first, second = site.snapshots()
        rounds: dict[int, list[dict[str, float]]] = {hosts: [] for hosts in HOSTS}
        for number in range(1, ROUNDS + 1):
            for hosts in HOSTS if number % 2 else HOSTS[::-1]:
                live = (home / "volume/prod").readlink().name
                other = first if live == second else second
                rounds[hosts].append(
                    site.play(hosts, "playbooks/promote.yml", "-e", f"reingest_snapshot={other}")
                )
                print(f"round {number}, {hosts} hosts: {json.dumps(rounds[hosts][-1])}", flush=True)
    finally:
        end_services(home)
        for work in (home / "work").glob("portal*"):
            end_services(work, "services/*.process")
        shutil.rmtree(home, ignore_errors=True)
    write(rounds)


def write(rounds: dict[int, list[dict[str, float]]]) -> None:
    result = {
        str(hosts): {name: round(statistics.median(one[name] for one in found), 2) for name in found[0]}
        for hosts, found in rounds.items()
    }
    target = ROOT / "build/bench/hosts.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"rounds": ROUNDS, **result}, indent=1) + "\n")
    names = list(result[str(HOSTS[0])])
    print(f"\n{'hosts':>6}" + "".join(f"{name:>18}" for name in names))
    for hosts, found in result.items():
        print(f"{hosts:>6}" + "".join(f"{found[name]:>18}" for name in names))


if __name__ == "__main__":
    main()
