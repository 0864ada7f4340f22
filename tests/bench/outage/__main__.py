"""Measure from outside how long users are without the portal: `make bench-outage`.

Real containers of the demo (`demo/docker`), a prober every 10 ms and a reading load of 50 requests a second.
In each of ROUNDS (5) rounds every variant is measured in turn, with 10,000 rows of users and without:

- `raw`: one shell script that does the same work and proves nothing: the floor;
- `runbook`: the runbook's order, scripted;
- `tasks`: the work of `raw` as a playbook of single tasks (community.docker);
- `restart`: this project, a whole `ingest.yml`;
- `held`: the same, with a PgBouncer that holds the clients (docs/held.md), where this machine has one.

VARIANTS="raw restart" chooses, ROWS sets the number of rows. Writes build/bench/outage.json (medians, and
each round with its timeline) and prints a table; with CHART=1 also docs/images/outage.svg.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench.outage import pooler  # noqa: E402
from bench.outage.chart import chart  # noqa: E402 - the paths come first
from bench.outage.stack import Stack, free_ports, run  # noqa: E402
from bench.outage.variants import Variant, ingest, ours, script, tasks  # noqa: E402
from clusters import programs  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS") or 5)
ROWS = int(os.environ.get("ROWS") or 10_000)
FIGURES = ("outage_s", "failed", "worst_ms")


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="reingest-outage-", dir="/var/tmp"))
    home.chmod(0o755)
    psql = programs(16, home) / "psql"
    ports = free_ports(10)
    names = ("restart", "plain", "held")
    stacks = {
        name: Stack(name, home / name, psql, tuple(ports[3 * number : 3 * number + 3]))
        for number, name in enumerate(names)
    }
    chosen = (os.environ.get("VARIANTS") or f"raw runbook tasks restart{' held' * pooler.there()}").split()
    rounds: dict[int, dict[str, list]] = {rows: {name: [] for name in chosen} for rows in (ROWS, 0)}
    try:
        variants = {name: one for name, one in begin(stacks, ports[-1], chosen).items() if name in chosen}
        for number in range(1, ROUNDS + 1):
            measure(number, variants, rounds, tuple(stacks.values()))
            result = told(rounds, number)
    finally:
        pooler.down(stacks["held"])
        for stack in stacks.values():
            stack.down()
        shutil.rmtree(home, ignore_errors=True)
    if os.environ.get("CHART"):
        chart(result, ROOT / "docs/images/outage.svg")
    show(result)


def begin(stacks: dict[str, Stack], port: int, chosen: list[str]) -> dict[str, Variant]:
    """Bring up what the chosen variants need; return all that can be measured with it."""
    restart, plain, held = (stacks[name] for name in ("restart", "plain", "held"))
    variants = {}
    if set(chosen) - {"held"}:
        restart.up()
        play(restart)
        variants["restart"] = Variant(restart, ours())
    if {"raw", "runbook", "tasks"} & set(chosen):
        play(restart)
        take_over(restart, plain)
        variants["raw"] = Variant(plain, script("raw.sh"))
        variants["runbook"] = Variant(plain, script("runbook.sh"))
        variants["tasks"] = Variant(plain, tasks)
    if "held" in chosen:
        arguments = pooler.up_behind(held, port)
        play(held, *arguments)
        variants["held"] = Variant(held, ours(*arguments))
    return {name: variants[name] for name in chosen}


def play(stack: Stack, *arguments: str) -> None:
    run(*ingest(stack, *arguments), env=stack.environment, cwd=ROOT)


def take_over(first: Stack, plain: Stack) -> None:
    """Give a stack that is switched without this project the snapshot that served first, twice."""
    live = (first.volume / "prod").resolve()
    kept = next(one for one in (first.volume / "staging").iterdir() if one != live)
    plain.state.mkdir(parents=True)
    plain.state.chmod(0o700)
    shutil.copy(first.state / "pgpass", plain.state)
    plain.up()
    run("docker", "stop", plain.ingest)
    shutil.rmtree(plain.volume / "ingest")
    for place in ("ingest", "staging/first"):
        (plain.volume / place).parent.mkdir(exist_ok=True)
        run("cp", "--archive", kept, plain.volume / place)
    (plain.volume / "prod").symlink_to("staging/first")
    plain.up()
    for login in (plain.live, plain.new):
        plain.open(login)


def measure(number: int, variants: dict[str, Variant], rounds: dict, stacks: tuple[Stack, ...]) -> None:
    """Measure each variant once with rows and once without; every second round goes the other way round."""
    for rows in (ROWS, 0) if number % 2 else (0, ROWS):
        for name in variants if number % 2 else reversed(variants):
            variant = variants[name]
            for stack in stacks:
                stack.resume() if stack is variant.stack else stack.pause()
            began = time.monotonic()
            found = variant.switch(variant.stack, rows)
            rounds[rows][name].append(found)
            told = ", ".join(f"{key} {found[key]}" for key in FIGURES)
            print(
                f"round {number}, {rows} rows, {name}: {told} ({time.monotonic() - began:.0f} s)", flush=True
            )


def told(rounds: dict[int, dict[str, list]], number: int) -> dict:
    """Write what was measured until now, and return it."""
    result = {**medians(rounds[ROWS]), "without_rows": medians(rounds[0])}
    result["setting"] = {"rounds": number, "rows": ROWS, "probe_every_ms": 10, "reads_a_second": 50}
    target = ROOT / "build/bench/outage.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    return result


def medians(rounds: dict[str, list]) -> dict[str, dict]:
    return {
        name: {
            **{key: round(statistics.median(one[key] for one in found), 3) for key in FIGURES},
            "rounds": found,
        }
        for name, found in rounds.items()
    }


def show(result: dict) -> None:
    for title, part in (("with rows", result), ("without rows", result["without_rows"])):
        print(f"\n{title:<14} {'outage s':>9} {'failed':>7} {'worst ms':>9} {'x raw':>6}")
        for name, found in part.items():
            if "outage_s" in found:
                times = f"{found['outage_s'] / part['raw']['outage_s']:.2f}" if "raw" in part else ""
                figures = f"{found['outage_s']:>9} {found['failed']:>7} {found['worst_ms']:>9}"
                print(f"{name:<14} {figures} {times:>6}")
    for name in ("raw", "restart", "held"):
        rounds = result.get(name, {}).get("rounds") or ()
        for one in sorted(rounds, key=lambda found: found["outage_s"])[len(rounds) // 2 :][:1]:
            print(f"\n{name}, the round with the median outage, in seconds since the last good answer:")
            for moment in one["timeline"]:
                print(f"{moment['at_s']:>8.3f}  {moment['what']}")


if __name__ == "__main__":
    main()
