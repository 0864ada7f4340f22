"""Measure from outside how long users are without the portal: `make bench-outage`.

Real containers of the demo (`demo/docker`), a prober every 10 ms and a reading load of 50 requests a second.
In each of ROUNDS (5) rounds every variant is measured in turn, with 10,000 rows of users and without:

- `raw`: one shell script that does the same work and proves nothing: the floor;
- `runbook`: the runbook's order, scripted;
- `tasks`: the work of `raw` as a playbook of single tasks (community.docker);
- `restart`: this project, a whole `ingest.yml`.

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

from bench.outage.chart import chart  # noqa: E402 - the paths come first
from bench.outage.stack import Stack, free_ports, run  # noqa: E402
from bench.outage.variants import PLAY, Variant, release, restart, script, tasks  # noqa: E402
from clusters import programs  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS") or 5)
ROWS = int(os.environ.get("ROWS") or 10_000)
FIGURES = ("outage_s", "failed", "worst_ms")


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="reingest-outage-", dir="/var/tmp"))
    home.chmod(0o755)
    psql = programs(16, home) / "psql"
    ours, plain = (Stack(name, home / name, psql, ports) for name, ports in zip(("ours", "plain"), _ports()))
    try:
        begin(ours, plain)
        variants = {
            "raw": Variant(plain, script("raw.sh")),
            "runbook": Variant(plain, script("runbook.sh")),
            "tasks": Variant(plain, tasks),
            "restart": Variant(ours, restart),
        }
        chosen = (os.environ.get("VARIANTS") or " ".join(variants)).split()
        rounds = measure({name: variants[name] for name in chosen}, (ours, plain))
    finally:
        for stack in (ours, plain):
            stack.down()
        shutil.rmtree(home, ignore_errors=True)
    result = {**medians(rounds[ROWS]), "without_rows": medians(rounds[0])}
    result["setting"] = {"rounds": ROUNDS, "rows": ROWS, "probe_every_ms": 10, "reads_a_second": 50}
    target = ROOT / "build/bench/outage.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    if os.environ.get("CHART"):
        chart(result, ROOT / "docs/images/outage.svg")
    show(result)


def _ports() -> list[tuple[int, int, int]]:
    a, b, c, d, e, f = free_ports(6)
    return [(a, b, c), (d, e, f)]


def begin(ours: Stack, plain: Stack) -> None:
    """Ingest two releases by this project, and give the other stack the snapshot that served first, twice."""
    ours.up()
    for _ in range(2):
        sources = f"reingest_sources={release(ours)}"
        run(*PLAY, "-i", "inventories/docker", "ingest.yml", "-e", sources, env=ours.environment, cwd=ROOT)
    live = (ours.volume / "prod").resolve()
    kept = next(one for one in (ours.volume / "staging").iterdir() if one != live)
    plain.state.mkdir(parents=True)
    plain.state.chmod(0o700)
    shutil.copy(ours.state / "pgpass", plain.state)
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


def measure(variants: dict[str, Variant], stacks: tuple[Stack, ...]) -> dict[int, dict[str, list]]:
    rounds: dict[int, dict[str, list]] = {rows: {name: [] for name in variants} for rows in (ROWS, 0)}
    for number in range(1, ROUNDS + 1):
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
                    f"round {number}, {rows} rows, {name}: {told} ({time.monotonic() - began:.0f} s)",
                    flush=True,
                )
    return rounds


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
    for name in ("raw", "restart"):
        rounds = result.get(name, {}).get("rounds") or ()
        for one in sorted(rounds, key=lambda found: found["outage_s"])[len(rounds) // 2 :][:1]:
            print(f"\n{name}, the round with the median outage, in seconds since the last good answer:")
            for moment in one["timeline"]:
                print(f"{moment['at_s']:>8.3f}  {moment['what']}")


if __name__ == "__main__":
    main()
