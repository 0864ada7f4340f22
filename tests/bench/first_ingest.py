"""Time the first ingest of release 1 with the demo's inventory, from an empty volume: `make bench-ingest`.

Each round has a home, servers and ports of its own. Prints, and writes to build/bench/ingest.json, the median
of the wall time of `ansible-playbook ingest.yml` and of each stage as the run's own report has it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from deployment import RELEASE_1, make_deployment  # noqa: E402 - the path comes first

ROUNDS = 5
GOAL_S = 15.0


def ingest_once():
    """Return the wall seconds of one first ingest, and its report."""
    deployment = make_deployment()
    try:
        begun = time.monotonic()
        code, output = deployment.ingest(RELEASE_1)
        wall = time.monotonic() - begun
        if code:
            sys.exit(output)
        return wall, deployment.report()
    finally:
        deployment.clear()


def main():
    rounds = [ingest_once() for _ in range(ROUNDS)]
    stages = [stage["name"] for stage in rounds[0][1]["stages"]]
    seconds = {
        name: [
            stage["seconds"] for _, report in rounds for stage in report["stages"] if stage["name"] == name
        ]
        for name in stages
    }
    result = {
        "rounds": ROUNDS,
        "goal_s": GOAL_S,
        "median_s": round(statistics.median(wall for wall, _ in rounds), 2),
        "worst_s": round(max(wall for wall, _ in rounds), 2),
        "window_median_s": round(statistics.median(report["window_seconds"] for _, report in rounds), 2),
        "stages_median_s": {name: round(statistics.median(values), 2) for name, values in seconds.items()},
    }
    target = ROOT / "build/bench/ingest.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
