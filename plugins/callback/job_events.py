"""Tell the control service what a run does, where the service started it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: job_events
type: notification
short_description: What a run does, as lines of JSON for the control service
description:
  - The control service (C(docs/service.md)) enables it, and names the job's folder in the environment
    variable C(REINGEST_JOB_FOLDER). Without that it does nothing.
  - "C(events.jsonl): a line for each play, task, result of a host, and for each change of where the run is
    (the volume is claimed, a load runs, the window is open). C(report.json): the report of the run."
  - No values of a result but its message are written, which Ansible prints as well.
author: ["The reingest developers (!UNKNOWN)"]
"""

from contextlib import suppress
from typing import Any

from ansible.plugins.callback import CallbackBase

from ..plugin_utils.interrupted import Stage, stage_after
from ..plugin_utils.job_folder import job_folder, replace_with, shortened, tell, tell_window


class CallbackModule(CallbackBase):
    """Write what happens."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "dataportal.reingest.job_events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._folder = job_folder()
        self._stage = Stage()
        if self._folder is None:
            self.disabled = True

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Tell the play."""
        self._tell("play", name=play.get_name())

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Tell the task, and before that where the run gets by it."""
        del is_conditional
        self._know(task.action, dict(task.args), ended=False)
        self._tell("task", name=task.get_name(), id=task._uuid)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Tell the result; the run's id and the report are taken from those that have them."""
        task, found = result.task, result.result
        self._know(task.action, dict(task.args), ended=True)
        run = (found.get("ansible_facts") or {}).get("stage_run_id")
        if run:
            self._tell("run", run=str(run))
        report = found.get("report")
        if task.action.rpartition(".")[2] == "run_report" and isinstance(report, dict) and self._folder:
            with suppress(OSError):
                replace_with(self._folder / "report.json", report)
        self._result("ok", result, changed=bool(found.get("changed")))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Tell a failure and its reason."""
        message = shortened(str(result.result.get("msg", "")))
        self._result("ignored" if ignore_errors else "failed", result, message=message)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Tell a host that is out of reach."""
        self._result("unreachable", result, message=shortened(str(result.result.get("msg", ""))))

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Tell a task that was skipped."""
        self._result("skipped", result)

    def _result(self, outcome: str, result: Any, **values: Any) -> None:
        name = result.task.get_name()
        self._tell("result", outcome=outcome, host=result.host.get_name(), task=name, **values)

    def _know(self, action: str, arguments: dict[str, Any], *, ended: bool) -> None:
        stage = stage_after(self._stage, action.rpartition(".")[2], arguments, ended=ended)
        if stage == self._stage or self._folder is None:
            return
        if stage.window and not self._stage.window:
            # Not suppressed: a window that the service does not know of could be cut short by it.
            tell_window(self._folder, **vars(stage))
        else:
            self._tell("stage", **vars(stage))
        self._stage = stage

    def _tell(self, event: str, **values: Any) -> None:
        if self._folder is not None:
            with suppress(OSError):  # a full disk here must not end a run
                tell(self._folder, event, **values)
