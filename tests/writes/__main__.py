"""Hammer a portal while it is switched and killed, and look for every write: `make test-writes`.

Writes build/writes.json.

Usage: python tests/writes. RUNS=300 says how many, FROM=1 with which seed to begin, RUN=seed repeats one run
and tells what it did, JOBS=2 how many at once, SECONDS_LONG=500 that no run begins later. Every 30th run is
made by the real playbooks, the others module by module, in the roles' order.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:1] = [str(ROOT / "tests"), str(ROOT / "tests/integration"), str(ROOT)]

from writes.place import make_templates, programs_in_path  # noqa: E402
from writes.playbooks import attempt_by_playbooks  # noqa: E402
from writes.run import attempt  # noqa: E402

TARGET = ROOT / "build/writes.json"
_BY_PLAYBOOKS = 30  # each run whose number that divides
_OTHER = 4  # each so many runs one has another database, which is carried whole
_SHARED = {}  # what the processes of the pool inherit


def _one(seed):
    """Make a run; None when the time is over."""
    if time.monotonic() >= _SHARED["until"]:
        return None
    if seed % _BY_PLAYBOOKS == 0:
        return attempt_by_playbooks(seed)
    return attempt(_SHARED["whole" if seed % _OTHER == 0 else "templates"], seed)


def figures(results, seconds):
    """Return what all runs came to, as plain values."""
    kills = sum((result.kills for result in results), Counter())
    return {
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "seconds": round(seconds),
        "runs": len(results),
        "by_playbooks": sum(result.seed % _BY_PLAYBOOKS == 0 for result in results),
        "acknowledged": sum(result.acknowledged for result in results),
        "lost": sum(len(result.lost) for result in results),
        "doubled": sum(len(result.doubled) for result in results),
        "unknown": sum(result.unknown for result in results),
        "set_aside": sum(result.set_aside for result in results),
        "kills": dict(sorted(kills.items())),
        "failed": [
            {
                "seed": result.seed,
                "lost": result.lost[:20],
                "doubled": result.doubled[:20],
                "wrong": result.wrong[:20],
                "told": result.told,
            }
            for result in results
            if not result.sound
        ],
    }


def shown(found):
    """Return the figures, a line each."""
    lines = [
        f"{name}: {found[name]:,}"
        for name in ("runs", "by_playbooks", "acknowledged", "lost", "doubled", "unknown", "set_aside")
    ]
    lines += [f"kills of {kind}: {count:,}" for kind, count in found["kills"].items()]
    lines += [f"run {failed['seed']} did not hold (RUN={failed['seed']})" for failed in found["failed"]]
    return "\n".join(lines)


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    """Make all runs; end with 1 when anything did not hold."""
    only = os.environ.get("RUN", "")
    first = int(only or os.environ.get("FROM") or 1)
    seeds = range(first, first + (1 if only else int(os.environ.get("RUNS") or 300)))
    jobs = 1 if only else int(os.environ.get("JOBS") or len(os.sched_getaffinity(0)))
    began, results = time.monotonic(), []
    _SHARED["until"] = began + float(os.environ.get("SECONDS_LONG") or "inf")
    _SHARED["templates"], _SHARED["whole"] = make_templates(), make_templates(jobs=True)
    deployment = tempfile.TemporaryDirectory(prefix="reingest-template-", dir="/var/tmp")
    os.environ["REINGEST_TEST_TEMPLATE"] = f"{deployment.name}/deployment"
    try:
        # Not a multiprocessing.Pool, whose processes may have no children of their own: the writers are one.
        with (
            programs_in_path(_SHARED["whole"]),
            ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool,
        ):
            for result in filter(None, pool.map(_one, seeds)):
                results.append(result)
                if not result.sound:
                    say(f"run {result.seed} did not hold: {result.faults[0][:600]}")
                if only or not result.sound:
                    say("\n".join([*result.told, *result.faults[:60]]))
                if len(results) % 20 == 0:
                    say(f"{len(results)} runs, {sum(one.acknowledged for one in results):,} acknowledged")
    finally:
        for name in ("templates", "whole"):
            _SHARED[name].remove()
        deployment.cleanup()
    found = figures(results, time.monotonic() - began)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(shown(found))
    raise SystemExit(1 if found["failed"] or not results else 0)


if __name__ == "__main__":
    main()
