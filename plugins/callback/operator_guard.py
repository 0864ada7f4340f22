"""Refuse what would leave out a part of a run before its first task, and say what Ctrl-C leaves behind."""

from __future__ import annotations

DOCUMENTATION = r"""
name: operator_guard
type: aggregate
short_description: Refuse options that leave out a part of a run, and say what Ctrl-C leaves behind
description:
  - A skipped task refuses nothing. So C(--tags), C(--skip-tags), C(--start-at-task) and C(--step) are refused
    here, from the parsed command line, before the first task.
  - After Ctrl-C it says what goes on without C(ansible-playbook), a load or a switch, how it ends, and what
    to type.
  - It acts on the playbooks of this collection only. The repository's C(ansible.cfg) enables it; in a project
    of your own, C(callbacks_enabled = dataportal.reingest.operator_guard) in section C([defaults]) does.
author: ["The reingest developers (!UNKNOWN)"]
"""

import atexit
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

from ..plugin_utils.command_line import refused_options
from ..plugin_utils.interrupted import Stage, left_behind, stage_after, watchdog_seconds

_ROOT = Path(__file__).resolve().parents[2]
_FIRST = _ROOT / "playbooks/stages/inventory.yml"  # every playbook of ours begins with it
_REFUSED = 2  # as a failed task ends a run


class CallbackModule(CallbackBase):
    """Look at the command line once, and remember in which part of a run it is."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "dataportal.reingest.operator_guard"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._ours = False
        self._stage = Stage()
        self._interrupted = False
        self._play: Any = None

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Refuse what must not be run in part; from here on Ctrl-C is explained."""
        self._ours = any(_is_first(task) for play in playbook.get_plays()[:1] for task in _tasks(play))
        if not self._ours:
            return
        wrong = refused_options(context.CLIARGS)
        if wrong:
            for text in wrong:
                self._display.error(text, wrap_text=False)
            sys.exit(_REFUSED)
        self._explain_interrupts()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Remember the play, which knows the hosts' variables."""
        self._play = play

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Remember what goes on."""
        del is_conditional
        self._know(task.action, dict(task.args), ended=False)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Remember what was done."""
        self._know(result.task.action, dict(result.task.args), ended=True)

    def _know(self, action: str, arguments: dict[str, Any], *, ended: bool) -> None:
        if self._ours:
            self._stage = stage_after(self._stage, action.rpartition(".")[2], arguments, ended=ended)

    def _explain_interrupts(self) -> None:
        """Let the handler of ansible-playbook do its work, and tell at the very end, below its own words."""
        before, process = signal.getsignal(signal.SIGINT), os.getpid()

        def interrupted(number: int, frame: Any) -> None:
            self._interrupted = True
            if callable(before):
                before(number, frame)
            raise KeyboardInterrupt

        def tell() -> None:
            if self._interrupted and os.getpid() == process:
                for text in left_behind(self._stage, context.CLIARGS, _ROOT, self._watchdog()):
                    self._display.display(text, stderr=True)

        signal.signal(signal.SIGINT, interrupted)
        atexit.register(tell)

    def _watchdog(self) -> float:
        manager = self._play.get_variable_manager() if self._stage.window else None
        if manager is None:
            return 0
        hosts = manager._inventory.get_hosts("worker:db:backend")
        return watchdog_seconds(manager.get_vars(play=self._play, host=hosts[0]), len(hosts)) if hosts else 0


def _tasks(play: Any) -> list[Any]:
    return [task for block in play.tasks for task in block.block]


def _is_first(task: Any) -> bool:
    path = getattr(task, "get_path", lambda: "")() or ""
    return Path(path.rpartition(":")[0]).resolve() == _FIRST
