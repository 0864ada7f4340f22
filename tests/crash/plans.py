"""Everything that is to be tried, and one process of the pool that tries it."""

from __future__ import annotations

import dataclasses
import os
import traceback
from dataclasses import dataclass
from pathlib import Path

from crash import powercut, together, trial
from crash.operations import OPERATIONS
from crash.together import MEETINGS
from crash.trial import Outcome, Plan
from crash.volumes import Templates

ROUNDS = 120
_DECIDING = ("rename", "renameat", "renameat2", "symlink", "symlinkat")  # always in a sample


@dataclass(frozen=True)
class Bench:
    """What all processes share: made once, only read afterwards."""

    templates: Templates
    plans: dict[str, Plan]
    disks: dict[tuple[str, str], powercut.Disk]  # by kind and operation
    cuts: dict[tuple[str, str], Plan]


@dataclass(frozen=True)
class Task:
    """One point to try; plain values, so that it can be sent to a process."""

    way: str  # kill, fault, cut or meet
    name: str  # of the operation or meeting
    number: int  # of the point or round
    error: str = ""
    onwards: bool = False
    disk: str = ""


def make_bench(templates, folder, *, kinds=tuple(powercut.FILE_SYSTEMS), operations=None):
    """Run every operation undisturbed.

    Args:
        templates: clusters and volumes.
        folder: an empty folder.
        kinds: the file systems whose power is to be cut.
        operations: the names of the operations; without: all.
    """
    chosen = [operation for operation in OPERATIONS if operations is None or operation.name in operations]
    plans = {operation.name: trial.plan(templates, operation, folder) for operation in chosen}
    disks, cut_plans = {}, {}
    made = {}
    for kind in kinds:
        for operation in chosen:
            if (kind, operation.base) not in made:
                made[kind, operation.base] = powercut.make_disk(templates, kind, operation.base, folder)
            disk = made[kind, operation.base]
            begun, points = powercut.plan(templates, disk, operation, folder)
            disks[kind, operation.name] = disk
            cut_plans[kind, operation.name] = dataclasses.replace(
                plans[operation.name], begun=begun, points=points
            )
    return Bench(templates, plans, disks, cut_plans)


def all_tasks(bench, *, rounds=ROUNDS, only=""):
    """Return every point of every operation."""
    tasks = []
    for name, planned in bench.plans.items():
        tasks += [Task("kill", name, number) for number in range(len(planned.points))]
        tasks += [
            Task("fault", name, number, error, onwards)
            for number, point in enumerate(planned.points)
            for error, onwards in trial.errors_of(point)
        ]
    for (kind, name), planned in bench.cuts.items():
        tasks += [Task("cut", name, number, disk=kind) for number in range(len(planned.points))]
    for meeting in MEETINGS:
        if only in meeting.name:
            tasks += [Task("meet", meeting.name, number) for number in range(rounds)]
    return tasks


def sample_kills(bench, name):
    """Return some points of an operation, with every rename among them."""
    return [Task("kill", name, number) for number in _sample(bench.plans[name].points, 3)]


def sample_faults(bench, name):
    """Return some points of an operation, each with one fault, in turn."""
    points = bench.plans[name].points
    chosen = [number for number in _sample(points, 4) if trial.errors_of(points[number])]
    tasks = []
    for turn, number in enumerate(chosen):
        faults = trial.errors_of(points[number])
        error, onwards = faults[turn % len(faults)]
        tasks.append(Task("fault", name, number, error, onwards))
    return tasks


def sample_cuts(bench, kind):
    """Return some points of every operation, on a file system."""
    return [
        Task("cut", name, number, disk=of)
        for (of, name), planned in bench.cuts.items()
        if of == kind
        for number in _sample(planned.points, 6)
    ]


def _sample(points, stride):
    """Return the numbers of some points: one sync of what a server left, some others, all that decide."""
    left = [at for at, point in enumerate(points) if point.syncs and "</ingest" in point.shown]
    others = [at for at in range(len(points)) if at not in left[1:]]
    return [at for turn, at in enumerate(others) if turn % stride == 0 or points[at].call in _DECIDING]


def attempt(bench, task, work):
    """Try one point; what the harness itself cannot do did not hold either."""
    try:
        return _attempt(bench, task, work)
    except Exception:  # noqa: BLE001 - one point must not end the others, and is told
        return Outcome(task.name, task.way, str(task), (traceback.format_exc(),))


def own_folder(folder):
    """Return this process's folder for copies and logs."""
    own = Path(folder) / f"w{os.getpid()}"
    own.mkdir(exist_ok=True)
    own.chmod(0o755)
    return own


def _attempt(bench, task, work):
    if task.way == "meet":
        meeting = next(meeting for meeting in MEETINGS if meeting.name == task.name)
        return together.meet(bench.templates, meeting, task.number, work)
    if task.way == "cut":
        planned = bench.cuts[task.disk, task.name]
        disk = bench.disks[task.disk, task.name]
        return powercut.cut(bench.templates, planned, disk, planned.points[task.number], work)
    planned = bench.plans[task.name]
    point = planned.points[task.number]
    if task.way == "kill":
        return trial.kill(bench.templates, planned, point, work)
    return trial.fault(bench.templates, planned, point, task.error, work, onwards=task.onwards)
