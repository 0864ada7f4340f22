"""What is killed, and when."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass

from crash.module import Answer, ended
from writes.switch import TITLES, TOGETHER

POLL_S = 0.003
NOTHING = "nothing"
MODULE, CONTROLLER, GROUP, PRODUCTION, STAGING, WATCHDOG, BOTH = (
    "module",
    "controller",
    "controller and module",
    "production's server",
    "staging's server",
    "watchdog",
    "controller, module and watchdog",
)
KINDS = (MODULE, CONTROLLER, GROUP, PRODUCTION, STAGING, WATCHDOG, BOTH)
_PROCESSES = {PRODUCTION: "db", STAGING: "db-ingest", WATCHDOG: "watchdog"}
_ENDS = (CONTROLLER, GROUP, BOTH)  # no later step is begun


class ControllerDiedError(Exception):
    """Nobody goes on with the run."""


@dataclass
class Disturbance:
    """One kill, some time after a step began."""

    kind: str = NOTHING
    step: str = ""
    delay: float = 0.0
    due: float = 0.0  # 0: its step has not begun
    done: str = ""  # during which step it came

    def begins(self, step):
        if self.kind != NOTHING and not self.due and step == self.step:
            self.due = time.monotonic() + self.delay

    def is_due(self):
        return bool(self.due) and not self.done and time.monotonic() >= self.due

    def strike(self, place, step, child):
        """Kill what is to be killed, if it runs.

        Raises:
            ControllerDiedError: that is what was killed.
        """
        if self.kind in _PROCESSES:
            if not _kill(place.process(_PROCESSES[self.kind])):
                return  # it does not run at this moment
        elif self.kind != CONTROLLER:
            _kill(child)
        if self.kind == BOTH:
            _kill(place.process("watchdog"))
        self.done = step
        if self.kind in _ENDS:
            raise ControllerDiedError


def run_step(place, name, verb, disturbance, reached=lambda _: None):
    """Run one module; return its answer.

    ``reached`` is called with the name of each step of a call of several, as that is seen to work.

    Raises:
        ControllerDiedError: the disturbance was that.
    """
    with tempfile.TemporaryFile() as out:
        child, now = verb.start(place.volume, out), ""
        while True:
            before, now = now, TITLES.get(place.step(), name) if name == TOGETHER else name
            disturbance.begins(now)
            if now != before:
                reached(now)
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                out.seek(0)
                return _answer(os.waitstatus_to_exitcode(status), out.read())
            if disturbance.is_due():
                try:
                    disturbance.strike(place, now, child)
                except ControllerDiedError:
                    place.orphans.append(child)
                    raise
                if disturbance.kind == MODULE:
                    return ended(child, out)
            time.sleep(POLL_S)


def reap(place):
    """Ask after modules that went on without their controller; wait for them."""
    for child in place.orphans:
        os.waitpid(child, 0)
    place.orphans.clear()


def _answer(code, text):
    from crash.module import answer

    found: Answer = answer(code, text.decode(errors="replace"))
    return found


def _kill(pid):
    if not pid:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False
