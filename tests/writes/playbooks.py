"""Runs by the real playbooks, against the demo portal that its users go on using.

Each goes back to release 1, ingests release 2, which lacks data objects that were downloaded, and promotes
another snapshot; ``ansible-playbook``, what works for it, or production's server is killed in some of them.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

from controller import WATCHDOG_S, kill, lives, other, rest, run_to_step, served, wait_closed, window_open
from deployment import RELEASE_2, ROOT, ingested_deployment
from waiting import wait_for
from writes.downloads import Users, look
from writes.outcome import UNCLEAN, Result

NOTHING, CONTROLLER, GROUP, PRODUCTION = (
    "nothing",
    "ansible-playbook",
    "ansible-playbook and its modules",
    "server",
)
KINDS = (NOTHING, CONTROLLER, GROUP, PRODUCTION)
_TASKS = (
    "Open the window", "Stop the writers", "Carry the users' rows over", "Stop the servers",
    "Promote the snapshot", "Start production", "Start the writers",
)  # fmt: skip
_WARM_S = 1.0
_WATCHDOG_ACTS = 0.5  # how often it is waited for, rather than an operator


def attempt_by_playbooks(seed, *, kinds=()):
    """Make one run; the same seed is the same plan.

    Args:
        seed: the run's number.
        kinds: what is killed on the way back, in the ingest and in the promotion; empty: the seed says.
    """
    made = _Run(seed, kinds)
    try:
        made.go()
    except Exception as error:  # noqa: BLE001 - the next run is to begin all the same
        made.result.wrong.append(f"{type(error).__name__}: {error}")
    finally:
        made.end()
    return made.result


class _Run:
    def __init__(self, seed, kinds):
        self.chance, self.result = random.Random(f"playbooks {seed}"), Result(seed)
        self.kinds = kinds or self.chance.choices(KINDS, k=3)
        self.deployment = ingested_deployment()
        self.users = Users(self.deployment.portal, self.dsn, seed)

    @property
    def dsn(self):
        port = self.deployment.environment["DEMO_PRODUCTION_PORT"]
        return f"postgresql://nmdc@127.0.0.1:{port}/nmdc?passfile={self.deployment.home}/pgpass"

    def go(self):
        sources = f"reingest_sources={ROOT}/demo/data/{RELEASE_2}"
        back, ingest = ["playbooks/rollback.yml"], ["ingest.yml", "-e", sources, "-e", "reingest_force=true"]
        for kind, playbook in zip(self.kinds, (back, ingest, None)):
            # By name: the load may never have been live. Forced: an undo may have marked it as bad.
            named = f"reingest_snapshot={other(self.deployment)} reingest_force=true"
            given = playbook or ["playbooks/promote.yml", "-e", named]
            self.users.begin()
            time.sleep(_WARM_S)
            self._switch(kind, [*given, "-e", f"reingest_watchdog={WATCHDOG_S}"])
            self.users.rest()
            self._look()
            if not self.result.sound:
                return

    def end(self):
        with suppress(AssertionError):
            self.users.rest()
        self.deployment.clear()

    def _switch(self, kind, playbook):
        if kind == NOTHING:
            code, output = self.deployment.play(*playbook)
            self._tell(f"{playbook[0]}: {self._serves()}")
            if code != 0 and not (
                self.result.kills[PRODUCTION] and any(words in output for words in UNCLEAN)
            ):
                self.result.wrong.append(f"{playbook[0]} failed and nothing was killed: {output[-1500:]}")
            return
        task = self.chance.choice(_TASKS)
        run = run_to_step(self.deployment, playbook[0], task, *playbook[1:])
        time.sleep(self.chance.random() ** 2)
        self._tell(f"{playbook[0]}: {kind} is killed in {task}")
        self.result.kills[kind] += 1
        if kind == PRODUCTION:
            self._kill_server()
            rest(run)
            self._recover()
            return
        modules = kill(run, modules=kind == GROUP)
        if window_open(self.deployment) and self.chance.random() < _WATCHDOG_ACTS:
            self._tell(
                f"its watchdog closed the window after {wait_closed(self.deployment, modules, 120):.0f} s"
            )
        else:
            wait_for(lambda: not any(map(lives, modules)), "the modules end", seconds=120)
            self._recover()

    def _kill_server(self):
        """Kill production's server, where it runs at this moment."""
        with suppress(FileNotFoundError, ProcessLookupError):
            words = (self.deployment.volume / "prod/postmaster.pid").read_text().split()
            os.kill(int(words[0]), signal.SIGKILL)

    def _recover(self):
        code, output = self.deployment.play("playbooks/recover.yml")
        if code != 0 and "the volume is held by run" in output and "-watchdog of" in output:
            wait_closed(self.deployment, seconds=120)  # its watchdog was at it, which is waited for
            code, output = self.deployment.play("playbooks/recover.yml")
        if code != 0:
            self.result.wrong.append(f"recover.yml failed: {output[-1500:]}")
        self._tell(f"recover.yml: {self._serves()}")

    def _look(self):
        known, result = self.users.known, self.result
        found = look(known, self.dsn)
        result.acknowledged, result.unknown = len(known.acknowledged), len(known.unknown)
        result.lost, result.doubled, result.set_aside = found.lost, found.doubled, found.set_aside
        self._tell(f"{result.acknowledged} acknowledged, {len(found.lost)} lost, {found.set_aside} set aside")

    def _serves(self):
        now = served(self.deployment)
        return f"{now.snapshot} serves {now.release}"

    def _tell(self, line):
        self.result.told.append(line)
