"""Kill the controller at each task of ``ingest.yml``, on a whole deployment with servers as plain processes.

At every second task the modules die with it, as on one machine; at the others they live on, as on another.
Each time the portal must serve one whole release within the watchdog's time, with nobody's help, and the next
``ingest.yml`` must end as if nothing had happened.
"""

from __future__ import annotations

import time
import traceback
from itertools import count

from controller import arguments, kill, run_to, served, wait_closed, window_open
from crash.trial import Outcome
from deployment import RELEASE_1, make_deployment

NAME = "controller killed at a task of ingest.yml"
_PAUSES_S = (0.0, 0.35, 0.15)  # how long after its beginning a task's run is killed


def outcomes(every):
    """Try each ``every``-th task, and tell what became of it."""
    deployment = None
    try:
        for number in count(1, every):
            if deployment is None:
                deployment = _whole()
            before = served(deployment)
            kind = "with its modules" if number % 2 == 0 else "without them"
            try:
                task, told = one(deployment, number, before)
            except Exception:  # noqa: BLE001 - whatever it is, this point did not hold
                yield Outcome(NAME, kind, f"task {number}", (traceback.format_exc()[-4000:],))
                deployment.clear()
                deployment = None  # the next point begins from a whole portal
                continue
            if task is None:
                return
            yield Outcome(NAME, kind, f"task {number}, {task}: {told}", ())
    finally:
        if deployment is not None:
            deployment.clear()


def _whole():
    deployment = make_deployment()
    code, output = deployment.ingest(RELEASE_1)
    assert code == 0, output
    return deployment


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
