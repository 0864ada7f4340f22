"""Run a load in the background of its host, show how far it is, and return what it returned.

One plugin for two modules: it runs the one whose name the task has (``meta/runtime.yml``).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import time
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display

from ..module_utils.reingest.load.look import Look, NoAnswerError, look_command, read_look
from ..module_utils.reingest.load.progress import DIED, FAILED, FILE, RUNNING, SILENT_S, Progress
from ..module_utils.reingest.reporting.progress_lines import clock, ended_line, remaining, silent_line
from ..module_utils.reingest.reporting.screen import Screen
from ..plugin_utils.job_folder import job_folder, replace_with
from ..plugin_utils.results import accepted
from .checked_module import ActionModule as CheckedModule

# Read where the class is loaded, which is before ansible-playbook forks: its workers have no terminal.
TERMINAL = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "CI" not in os.environ
SIZE = tuple(shutil.get_terminal_size())
if not TERMINAL and hasattr(sys.stdout, "reconfigure"):
    sys.stdout.reconfigure(line_buffering=True)  # a log is followed: its lines must not wait for a full block

_LONGEST_S = 30 * 86400  # of a load; what `async` asks for
_SHORTEST_POLL_S = 0.1
_LONGEST_POLL_S = 1.0
_POLL_SHARE = 0.04  # of the time that the load has taken: a short one is asked often
_STATELESS_S = (1.0, 20.0)  # between two looks at the job of a load without a state, at first and at most
_ENDING_S = 5.0  # what a job may need to hand in its result when its process is gone
_FOR_ANSIBLE = {"warnings", "deprecations", "exception", "ansible_facts"}  # it cleans these itself
_LARGEST = 64 << 20  # bytes of a job's file
_JOB = re.compile(r"[0-9A-Za-z]+(\.[0-9]+)?")

display = Display()


class ActionModule(CheckedModule):
    """Start the module asynchronously, print what its state says, return its result."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the module's result; in check mode, for a plan, and without a folder, by a plain call."""
        super(CheckedModule, self).run(tmp, task_vars)
        self._module = self._task.action  # resolved, it is the name of this plugin
        self._vars = task_vars
        arguments = self._task.args
        planning = boolean(arguments.get("plan_only", False))
        if self._task.check_mode or planning or not (arguments.get("work") and arguments.get("run")):
            return self.answer(arguments, task_vars)
        join = self._connection._shell.join_path
        self._file = join(self._remote_expand_user(arguments["work"]), arguments["run"], FILE)
        # An earlier attempt of the same run left its state, which is not this one's.
        self._low_level_execute_command(f"rm -f {shlex.quote(self._file)}")
        job = self._start()
        name, self._job_file = job.get("ansible_job_id"), job.get("results_file")
        if job.get("failed") or not (isinstance(name, str) and isinstance(self._job_file, str)):
            return accepted(self._module, {"msg": "the host did not start the load", **job, "failed": True})
        if not _JOB.fullmatch(name):
            return accepted(self._module, {"failed": True, "msg": f"the host names no job: {name!r}"})
        screen = _screen(task_vars["inventory_hostname"], arguments.get("show", "auto"))
        result = Watch(self, name, float(arguments.get("patience", 600)), screen).result()
        with suppress(AnsibleConnectionFailure):
            self._low_level_execute_command(f"rm -f {shlex.quote(self._job_file)}")
        return result

    def look(self, known: Progress | None, job: str) -> Look:
        """Return what is to be seen of the load, see ``look_command``.

        Raises:
            AnsibleConnectionFailure: the host is out of reach.
        """
        command = look_command(self._file, known, job)
        try:
            return read_look(self._low_level_execute_command(command)["stdout"], known)
        except NoAnswerError:
            raise AnsibleConnectionFailure("no answer") from None

    def finished(self, job: str) -> dict[str, Any] | None:
        """Return what the job handed in; None while it runs.

        Raises:
            AnsibleConnectionFailure: the host is out of reach.
        """
        plain = self._plain()
        if plain is not None:
            return plain
        arguments = {"jid": job, "mode": "status", "_async_dir": self.get_shell_option("async_dir")}
        result = dict(
            self._execute_module(
                module_name="ansible.legacy.async_status", module_args=arguments, task_vars=self._vars
            )
        )
        return accepted(self._module, result) if result.get("finished") else None

    def _plain(self) -> dict[str, Any] | None:
        """Return the result of a load that went well, and has nothing that only Ansible can read.

        It is in the job's file; the module that reads any such file costs more than the rest of the waiting.
        """
        command = f"head -c {_LARGEST} {shlex.quote(self._job_file)}"
        text = self._low_level_execute_command(command)["stdout"]
        try:
            result = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(result, dict) or "step" not in result or result.get("failed"):
            return None
        if "__ansible" in text or _FOR_ANSIBLE & set(result):
            return None
        return accepted(self._module, {**result, "_ansible_parsed": True})

    @property
    def file(self) -> str:
        """Return the path of the state on the host."""
        return self._file

    def _start(self) -> dict[str, Any]:
        self._task.async_val = _LONGEST_S
        try:
            return dict(self._execute_module(module_name=self._module, task_vars=self._vars, wrap_async=True))
        finally:
            self._task.async_val = 0  # else the executor would wait for the job, too


def _screen(host: str, show: str) -> Screen:
    size = SIZE if TERMINAL and show == "auto" else None

    def write(text: str) -> None:
        display.display(text, screen_only=size is not None)  # frames do not belong in Ansible's log

    return Screen(host, write, size=size, quiet=show == "none")


def _tell_service(state: Progress) -> None:
    """Write how far the load is for the control service, where it started this run."""
    folder = job_folder()
    if folder is not None:
        left = remaining(state.bytes, state.total, state.fill_seconds)
        rate = state.rows / state.fill_seconds if state.fill_seconds else None
        with suppress(OSError):
            replace_with(
                folder / "progress.json", {**state.as_values(), "rows_per_second": rate, "seconds_left": left}
            )


class Watch:
    """Waits for a load while it lives, however silent it is, and never for one whose processes are gone."""

    def __init__(self, host: ActionModule, job: str, patience: float, screen: Screen) -> None:
        self._host = host
        self._job = job
        self._patience = patience
        self._screen = screen
        self._state: Progress | None = None
        self._began = self._heard = self._changed = time.monotonic()
        self._gone_since: float | None = None
        self._away = False
        self._silent_for = SILENT_S  # when the next word is said of it
        self._asked, self._ask_after = self._began, _STATELESS_S[0]

    def result(self) -> dict[str, Any]:
        """Return the module's result, or the failure to get one."""
        while True:
            try:
                result = self._poll()
            except AnsibleConnectionFailure:
                result = self._unheard()
            if result is not None:
                return result
            time.sleep(self._pause())

    def _poll(self) -> dict[str, Any] | None:
        look = self._host.look(self._state, self._job if self._stateless_long() else "")
        state, gone = look.state, look.gone
        now = self._heard = time.monotonic()
        if self._away:
            self._away, self._changed = False, now
            self._screen.note("answers again")
        if state is not None and (self._state is None or state.heartbeat != self._state.heartbeat):
            self._state, self._changed, self._silent_for = state, now, SILENT_S
            self._screen.show(state)
            _tell_service(state)
        self._gone_since = (self._gone_since or now) if gone else None
        never_began = look.job_gone and self._state is None
        if not (self._over or gone or never_began):
            self._tell_silence(now - self._changed)
            return None
        result = self._host.finished(self._job)
        if result is not None and ("step" in result or self._state is None):
            return result
        dead = never_began or (self._state is not None and self._state.state == DIED)
        if dead or (gone and (result is not None or now - self._gone_since > _ENDING_S)):
            return result if self._crashed(result) else self._lost()
        return None

    def _tell_silence(self, seconds: float) -> None:
        """Say that a load that lives gives no sign of life, and again after twice the time."""
        if seconds <= self._silent_for:
            return
        self._silent_for *= 2
        if self._state is None:
            self._screen.note(f"the load has written no state for {seconds:.0f} s; its job {self._job} lives")
        else:
            self._screen.note(silent_line(self._state, seconds))

    @property
    def _over(self) -> bool:
        return self._state is not None and self._state.state != RUNNING

    def _stateless_long(self) -> bool:
        """Return whether to look for the job itself, all processes of the host, because it wrote no state."""
        now = time.monotonic()
        if self._state is not None or now - self._asked < self._ask_after:
            return False
        self._asked, self._ask_after = now, min(2 * self._ask_after, _STATELESS_S[1])
        return True

    def _crashed(self, result: dict[str, Any] | None) -> bool:
        """Return whether the module ended by an error that nobody foresaw; its result has the traceback."""
        return result is not None and self._state is not None and self._state.state == FAILED

    def _pause(self) -> float:
        waited = time.monotonic() - self._began
        if self._over and time.monotonic() - self._changed < _ENDING_S:
            return _SHORTEST_POLL_S
        return min(_LONGEST_POLL_S, max(_SHORTEST_POLL_S, waited * _POLL_SHARE))

    def _unheard(self) -> dict[str, Any] | None:
        silence = time.monotonic() - self._heard
        if silence > self._patience:
            return self._failed(
                f"no answer for {clock(silence)}; the load may still run there: playbooks/status.yml shows "
                "it, playbooks/stop.yml or the next run ends it"
            )
        if not self._away:
            self._away = True
            self._screen.note(
                f"no answer; the load runs on there, and is asked for again for {clock(self._patience)}"
            )
        return None

    def _lost(self) -> dict[str, Any]:
        state = self._state
        if state is None:
            return self._failed(
                f"the load did not begin: job {self._job} is gone and wrote no state (killed, or out of "
                "memory?): look into the host's log; the next run begins anew"
            )
        return self._failed(
            f"the load of run {state.run} was lost: its process {state.process} is gone (stopped by "
            f"playbooks/stop.yml, killed, or out of memory?); it was in {ended_line(state)}: run again"
        )

    def _failed(self, reason: str) -> dict[str, Any]:
        return {
            "failed": True,
            "msg": f"{reason}; its state is in {self._host.file} there",
        }
