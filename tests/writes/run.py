"""One run: switches one after the other, kills among them, and a look at every write after each."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from pathlib import Path

from crash.module import release
from crash.volumes import A, B, small_place
from waiting import wait_for
from writes import disturbance as kills
from writes.check import check
from writes.crew import Crew
from writes.disturbance import ControllerDiedError, Disturbance, reap, run_step
from writes.outcome import UNCLEAN, Result
from writes.place import Place
from writes.switch import INGEST, PROMOTE, ROLLBACK, TOGETHER, Switch, recover, undo

SWITCHES = 3
_STEPS = (
    "Claim", "Survey", "Open the window", "Carry", "Carry", "Carry", "Stop the servers", "Promote",
    "Start production", "Start production", "Give back", "Give back", "Start the rest", "Close the window",
)  # fmt: skip
_SETTLING = (
    "Start the rest",
    "Close the window",
    "Release",
)  # after the role's block, and so without its rescue
_WARM_S = 0.3
_OVERTAKEN = (
    "was closed by its watchdog"  # the machine was so busy that a run that lived was silent for too long
)
_HEAL_S = 120
_TOGETHER = 0.7  # how often the host makes its steps in one call, as the role has it
_OFTEN = 0.35  # how often a switch is disturbed that need not be


def attempt(templates, seed, *, kind="", step="", portal=None, switches=SWITCHES, together=None):
    """Make one run; the same seed is the same plan of switches and kills, though not of writes.

    Args:
        templates: what the deployment is copied of.
        seed: the run's number.
        kind: what is killed; empty: the seed says.
        step: in which step; empty: the seed says.
        portal: whether writers also write through a portal; None: the seed says.
        switches: how many there are.
        together: whether the host makes its steps in one call; None: the seed says.
    """
    run = _Run(templates, seed, (kind, step), portal, switches, together)
    began = time.monotonic()
    try:
        run.go()
    except Exception as error:  # noqa: BLE001 - the next run is to begin all the same
        run.result.wrong.append(f"{type(error).__name__}: {error}")
    finally:
        run.end()
    run.result.seconds = round(time.monotonic() - began, 2)
    return run.result


class _Run:
    def __init__(self, templates, seed, wanted, portal, switches, together):
        self.random = random.Random(seed)
        self.result = Result(seed)
        (self.kind, self.step), self.switches, self.together = wanted, switches, together
        slow, with_portal = self.random.random() < 0.25, self.random.random() < 0.25
        self.folder = Path(tempfile.mkdtemp(prefix="reingest-writes-run-", dir=small_place()))
        self.folder.chmod(0o755)
        self.place = Place(templates, self.folder, portal=with_portal if portal is None else portal)
        self.slow, self.runs, self.crew, self.counted = slow, 0, None, None

    def go(self):
        self.place.start()
        self.crew = Crew(
            self.place.dsn(),
            self.result.seed,
            slow=self.slow,
            portal=self.place.portal_port if self.place.writers else 0,
            jobs=self.place.templates.jobs,
        )
        disturbed = self.random.randrange(self.switches)
        for number in range(self.switches):
            time.sleep(_WARM_S * (0.5 + self.random.random()))
            often = number == disturbed or self.random.random() < _OFTEN
            plan = self._disturbance() if often else Disturbance()
            self._switch(plan)
            if not self._look():
                return

    def end(self):
        try:
            if self.crew is not None:
                self.crew.end()
            if not self.result.sound:
                self.result.told += self.place.log()
        finally:
            reap(self.place)
            if self.folder.exists():
                self.place.remove()
                shutil.rmtree(self.folder, ignore_errors=True)

    def _disturbance(self):
        kind = self.kind or self.random.choice(kills.KINDS)
        delay = self.random.random() ** 2 * 0.5
        steps = _STEPS if self._next()[0] != INGEST else [step for step in _STEPS if step != "Give back"]
        return Disturbance(kind, self.step or self.random.choice(steps), 0.05 if self.step else delay)

    def _next(self):
        """Return the next switch: to the load, back, and forward again."""
        if self.place.live == B:
            return ROLLBACK, A  # by name: an earlier undo may have called it bad
        return (INGEST, B) if self.place.load_waits else (PROMOTE, B)

    def _new_run(self):
        self.runs += 1
        return f"20261201T000000Z-{self.runs}"

    def _switch(self, plan):
        kind, snapshot = self._next()
        run = self._new_run()
        self._tell(f"{run}: {kind}, to kill: {plan.kind} {plan.delay:.3f} s after {plan.step}")
        together = self.random.random() < _TOGETHER if self.together is None else self.together
        try:
            failed = self._steps(Switch(self.place, run, kind, snapshot, together=together), plan)
        except ControllerDiedError:
            failed = ""
            self._heal(plan)
        if plan.done:
            self.result.kills[plan.kind] += 1
            self._tell(f"{plan.kind} was killed during {plan.done}")
        if failed and not plan.done and _OVERTAKEN in failed:
            self.result.kills["nothing, but its watchdog took the run for dead"] += 1
        elif failed and not plan.done and not self._is_unclean(failed):
            self.result.wrong.append(f"{kind} failed and nothing was killed: {failed}")
        reap(self.place)
        if plan.kind == kills.PRODUCTION and plan.done and not self.place.process("db"):
            self._recover()  # it was killed when nobody looked any more
        if not plan.done and not failed and self.place.live != (B if kind != ROLLBACK else A):
            self.result.wrong.append(f"{kind} succeeded, and {self.place.live} is live")

    def _steps(self, switch, plan):
        """Make the switch; return why it failed, if it did."""
        steps, answer, opened = switch.steps(), None, False
        while True:
            try:
                name, verb = steps.send(answer)
            except StopIteration:
                return ""
            answer = run_step(self.place, name, verb, plan, self._reached)
            if not answer.succeeded:
                undoes = (opened or name == "Open the window") and name not in _SETTLING
                return self._failed(switch.run, name, answer, undoes=undoes)
            opened = opened or name == "Open the window"
            if name == "Carry":
                self.counted = self.crew.counted()
            if name in ("Carry", TOGETHER):
                self._reported(answer.result)

    def _reached(self, step):
        """Count what is there while nobody can write: the rows are carried, and nothing serves yet."""
        if step == "Stop the servers":
            self.counted = self.crew.counted()

    def _failed(self, run, name, answer, *, undoes):
        why = f"{name}: {answer.refused or answer.text[-1500:] or 'it was killed'}"
        self._tell(f"failed in {why}")
        if undoes:
            undone = undo(self.place, run, why).call(self.place.volume)
            if undone.succeeded:
                self._warned(undone)
                self._call(release(run))
                return why
            self._tell(f"the undo failed: {undone.refused or undone.text[-1500:]}")
        self._recover()
        return why

    def _heal(self, plan):
        """A run has died: its watchdog acts, or an operator."""
        if not (self.place.records / "window.json").exists():
            reap(
                self.place
            )  # the module that was left alone comes to its end; it may be what opens the window
        open_ = (self.place.records / "window.json").exists()
        watched = plan.kind != kills.BOTH and self.place.process("watchdog")
        if open_ and watched and self.random.random() < 0.6:
            self._tell("wait for the watchdog")
            wait_for(
                lambda: not (self.place.records / "window.json").exists(),
                "the watchdog acted",
                seconds=_HEAL_S,
            )
            self.result.told += self.place.log()[-3:]
        else:
            self._recover()

    def _is_unclean(self, failed):
        """Return whether a snapshot was refused because its server was killed in this run."""
        return self.result.kills[kills.PRODUCTION] and any(words in failed for words in UNCLEAN)

    def _recover(self):
        self._tell("recover.yml")
        for verb in recover(self.place, self._new_run()):
            self._call(verb)

    def _call(self, verb):
        answer = verb.call(self.place.volume)
        if answer.succeeded:
            self._warned(answer)
        else:
            self.result.wrong.append(
                f"{verb.module} {verb.params.get('state')}: {answer.refused or answer.text[-1500:]}"
            )

    def _warned(self, answer):
        for line in [*answer.result.get("step", {}).get("did", ()), *answer.result.get("warnings", ())]:
            self._tell(f"  {line}")

    def _reported(self, result):
        """What the module says that it carried must be what was there."""
        counted = self.counted
        said = sum(result["rows"].values())
        if not counted.least <= said <= counted.most:
            self.result.wrong.append(
                f"{said} rows were reported, and there are {counted.least} to {counted.most}"
            )
        self._tell(f"  {'; '.join(result['lines'])}")

    def _look(self):
        log = self.crew.hold()
        verdict = check(log, self.place.dsn(), jobs=self.place.templates.jobs)
        result = self.result
        result.acknowledged, result.unknown, result.set_aside = log.acknowledged, log.cut, verdict.set_aside
        result.lost, result.doubled = verdict.lost, verdict.doubled
        result.wrong += [f"{error} ({count} times)" for error, count in log.errors.items()]
        self.crew.go_on(verdict.settled)
        return verdict.sound

    def _tell(self, line):
        self.result.told.append(line)
