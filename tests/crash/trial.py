"""One operation tried at its points: killed, or with a fault, on a volume in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crash import strace
from crash.check import describe, difference, invariant, serves
from crash.module import records_of
from crash.operations import Operation
from crash.strace import Point
from crash.volumes import Templates, remove_volume

from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.window.window_record import read_window

ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES")
OF_SYNC = ("ENOSPC", "EIO")  # the others are no errors of fsync(2)
LASTING = ("ENOSPC", "EROFS")  # a full disk stays full, a disk that was made read-only stays so


@dataclass(frozen=True)
class Outcome:
    """One point that was tried."""

    operation: str
    kind: str
    point: str
    wrong: tuple[str, ...]  # empty: it held
    message: str = ""  # what the verb said, where it was refused
    count: int = 1  # how many were tried


@dataclass(frozen=True)
class Plan:
    """An operation with what an undisturbed run of it showed."""

    operation: Operation
    begun: Point | None
    points: tuple[Point, ...]
    final: dict  # how the volume looks in the end
    unbegun: dict  # how it does where the operation did nothing and the next run decided alone

    def judge(self, templates, volume):
        """Return what is wrong with a volume after the operation was disturbed, and after its next run."""
        operation = self.operation
        taken_back = bool(_reason(volume))
        wrong = invariant(templates, volume, operation.allowed, keeps=operation.keeps)
        wrong += operation.next_run_ends(volume)
        if wrong:
            return wrong
        found = describe(volume)
        # Which run brings a switch to its end shows in the ledger; one that is to be taken back is.
        wrong = [] if found == self.unbegun and not taken_back else difference(self.final, found)
        return wrong + serves(templates, Volume(volume), Volume(volume).live())


def plan(templates, operation, work):
    """Run an operation undisturbed and return what it does.

    Twice, because it must do the same each time: what is imported at its first use is opened only then.

    Raises:
        NotTracedError: it does something else each time.
    """
    first = _undisturbed(templates, operation, work)
    for _ in range(2):
        found = _undisturbed(templates, operation, work)
        if found == first:
            return found
        first = found
    raise strace.NotTracedError(f"{operation.name} makes other system calls each time")


def _undisturbed(templates, operation, work):
    copies = _Copies(templates, operation, work)
    begun = operation.find_begun(copies.fresh(), work)
    volume = copies.fresh()
    operation.prepare(volume, work, begun)
    answer, points = strace.trace(operation.verb, volume, work)
    wrong = [] if answer.succeeded else [answer.refused or answer.text]
    wrong += operation.next_run_ends(volume)
    final = describe(volume)
    wrong += invariant(templates, volume, operation.allowed, keeps=operation.keeps)
    volume = copies.fresh()
    operation.prepare(volume, work, begun)
    wrong += operation.next_run_ends(volume)
    unbegun = describe(volume)
    remove_volume(volume)
    if wrong:
        raise AssertionError(f"{operation.name}, undisturbed: {'; '.join(wrong)}")
    return Plan(operation, begun, tuple(points), final, unbegun)


def _reason(volume):
    """Return why the switch of the open window is taken back; empty: it is not, or none is open."""
    window = read_window(records_of(volume))
    return window.failed if window is not None else ""


def kill(templates, planned, point, work):
    """Kill the verb just before a point."""
    volume = _prepared(templates, planned, work)
    if strace.killed(planned.operation.verb, volume, work, point):
        wrong = planned.judge(templates, volume)
    else:
        wrong = ["the verb was not killed there"]
    remove_volume(volume)
    return Outcome(planned.operation.name, "killed", str(point), tuple(wrong))


def errors_of(point):
    """Return the faults of a point: each the error, and whether it lasts."""
    if point.shown.startswith("1<"):
        return []  # the result, which goes to the controller
    once = [(error, False) for error in (OF_SYNC if point.syncs else ERRORS)]
    if point.path:
        return once  # what comes next is a point too, from which on it lasts
    return once + [(error, True) for error in LASTING if not (point.syncs and error == "EROFS")]


def fault(templates, planned, point, error, work, *, onwards=False):
    """Let a point fail."""
    volume = _prepared(templates, planned, work)
    answer, hit = strace.faulty(planned.operation.verb, volume, work, point, error, onwards=onwards)
    wrong = [] if hit else ["the fault did not come to pass there"]
    if answer.result is None:
        wrong.append(f"no clear message, but: {answer.text.strip().splitlines()[-1:]}")
    elif not answer.refused and not answer.succeeded:
        wrong.append(f"neither refused nor done: {answer.text}")
    elif point.syncs and error == "EIO" and not answer.refused:
        wrong.append("a sync that failed was passed over")
    wrong += planned.judge(templates, volume)
    remove_volume(volume)
    kind = f"{error} from then on" if onwards else error
    return Outcome(planned.operation.name, kind, str(point), tuple(wrong), answer.refused)


def _prepared(templates, planned, work):
    volume = _Copies(templates, planned.operation, work).fresh()
    planned.operation.prepare(volume, work, planned.begun)
    return volume


@dataclass(frozen=True)
class _Copies:
    templates: Templates
    operation: Operation
    work: Path

    def fresh(self):
        volume = self.work / "volume"
        return self.templates.copy(self.operation.base, volume)
