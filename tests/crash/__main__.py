"""Try everything and tell what held: `make test-crash`; writes build/crash.json.

Usage: python tests/crash [WORDS]: only what has the words in its name. Needs root, strace, loop devices,
mkfs.ext4, mkfs.xfs and a Docker engine; where one is missing it fails. REINGEST_CRASH_EVERY=10: each tenth
point.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:1] = [str(ROOT / "tests"), str(ROOT / "tests/integration"), str(ROOT)]


from crash import controller, engine, powercut, strace  # noqa: E402
from crash.operations import OPERATIONS  # noqa: E402
from crash.plans import all_tasks, attempt, make_bench, own_folder  # noqa: E402
from crash.table import figures, shown  # noqa: E402
from crash.trial import Outcome  # noqa: E402
from crash.volumes import make_templates, remove_templates, small_place  # noqa: E402

TARGET = ROOT / "build/crash.json"
HISTORIES, HISTORIES_NAME = 200, "random histories"
EVERY = int(os.environ.get("REINGEST_CRASH_EVERY", "1"))
_SHARED = {}  # what the processes of the pool inherit


def _one(task):
    return attempt(_SHARED["bench"], task, own_folder(_SHARED["folder"]))


def points(only):
    """Disturb the volume's verbs at each of their system calls; return the outcomes as they come."""
    names = [operation.name for operation in OPERATIONS if only in operation.name]
    folder = Path(tempfile.mkdtemp(prefix="reingest-crash-", dir=small_place()))
    try:
        work = folder / "plan"
        work.mkdir()
        _SHARED.update(bench=make_bench(make_templates(folder), work, operations=names), folder=folder)
        tasks = all_tasks(_SHARED["bench"], only=only)[::EVERY]
        say(f"{len(tasks)} points")
        with multiprocessing.get_context("fork").Pool(len(os.sched_getaffinity(0))) as pool:
            yield from pool.imap(_one, tasks, chunksize=1)
    finally:
        remove_templates(folder)


def histories():
    """Try random histories, each against a model of the volume; return the outcome."""
    tests = ROOT / "tests/unit/promotion/test_histories.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", tests],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "REINGEST_TEST_HISTORIES": str(HISTORIES)},
    )
    wrong = () if done.returncode == 0 else (done.stdout[-4000:],)
    yield Outcome(HISTORIES_NAME, "30 steps each", "", wrong, count=HISTORIES)


def everything(only):
    """Return all outcomes as they come."""
    if any(only in operation.name for operation in OPERATIONS):
        yield from points(only)
    if only in HISTORIES_NAME:
        yield from histories()
    for whole in (controller, engine):
        if only in whole.NAME:
            yield from whole.outcomes(EVERY)


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    """Run it all; end with 1 when something did not hold."""
    for reason in (strace.missing(), powercut.missing(), engine.missing()):
        if reason:
            raise SystemExit(f"make test-crash cannot run here: {reason}")
    begun = time.monotonic()
    outcomes = []
    for outcome in everything(" ".join(sys.argv[1:])):
        outcomes.append(outcome)
        if outcome.wrong:
            place = f"{outcome.operation}, {outcome.kind}, at {outcome.point}"
            say(f"DID NOT HOLD: {place}: {outcome.wrong[0][-400:]}")
        elif outcome.operation in (controller.NAME, engine.NAME):
            say(f"{outcome.operation}, {outcome.kind}: {outcome.point}")
        if len(outcomes) % 50 == 0:
            say(f"{len(outcomes)}")
    facts = {
        "every": EVERY,
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "kernel": platform.release(),
    }
    found = figures(outcomes, time.monotonic() - begun, facts)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(shown(found))
    raise SystemExit(1 if found["failures"] or not outcomes else 0)


if __name__ == "__main__":
    main()
