"""Kill the controller at each task of ``ingest.yml``, on a whole deployment with servers as plain processes.

Usage: python tests/crash/controller.py [FIRST [LAST]]      (numbers of tasks; default: all)

At every second task the modules die with it, as on one machine; at the others they live on, as on another.
Each time the portal must serve one whole release within the dead man's time, with nobody's help, and the next
``ingest.yml`` must end as if nothing had happened. Prints how many tasks were tried and how many held.
"""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests/integration")]

from controller import arguments, kill, run_to, served, wait_closed, window_open  # noqa: E402
from deployment import RELEASE_1, make_deployment  # noqa: E402

_PAUSES_S = (0.0, 0.35, 0.15)  # how long after its beginning a task's run is killed


def one(deployment, number, before):
    """Kill one run at its ``number``-th task; return the task's name and a line of what was seen.

    The name is None when there is no such task.
    """
    run, task = run_to(deployment, "ingest.yml", number, *arguments(RELEASE_1))
    if task is None:
        assert run.returncode == 0, "the run that was not killed failed"
        return None, ""
    time.sleep(_PAUSES_S[number % len(_PAUSES_S)])
    was_open = window_open(deployment)
    left = kill(run, modules=number % 2 == 0)
    away = wait_closed(deployment, left)
    found = served(deployment)
    assert (found.release, found.tables) == (before.release, before.tables), found
    code, output = deployment.play("ingest.yml", *arguments(RELEASE_1))
    assert code == 0, output[-3000:]
    after = served(deployment)
    assert (after.release, after.tables) == (before.release, before.tables), after
    assert after.snapshot not in (before.snapshot, found.snapshot), "the next ingest promoted nothing"
    assert not deployment.locked()
    assert not window_open(deployment)
    assert set(deployment.processes()) == {"db", "db-ingest", "backend"}
    way = "not begun" if not was_open else "forward" if found.snapshot != before.snapshot else "back"
    return task, f"{away:5.1f} s  {way}"


def main() -> None:
    """Try all tasks."""
    first = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    last = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    deployment = make_deployment()
    tried = held = 0
    try:
        code, output = deployment.ingest(RELEASE_1)
        assert code == 0, output
        for number in range(first, last + 1):
            before = served(deployment)
            try:
                task, told = one(deployment, number, before)
            except Exception:  # noqa: BLE001 - whatever it is, this point did not hold
                tried += 1
                traceback.print_exc()
                print(f"{number:3} DID NOT HOLD", flush=True)
                break  # the next point would not begin from a whole portal
            if task is None:
                break
            tried, held = tried + 1, held + 1
            print(f"{number:3} {told:18} {task}", flush=True)
    finally:
        deployment.clear()
    print(f"controller killed at {tried} tasks of ingest.yml, {held} held")
    sys.exit(0 if tried == held and tried > 0 else 1)


if __name__ == "__main__":
    main()
