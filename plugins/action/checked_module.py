"""Run a module of this collection, and take of its answer what the module documents.

One plugin for all modules that need no more of the controller (``meta/runtime.yml``).
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.results import accepted


class ActionModule(ActionBase):
    """Run the module whose name the task has."""

    _supports_check_mode = True
    _supports_async = False  # what a job hands in later would not come by here

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the part of the module's answer that the controller goes on with."""
        super().run(tmp, task_vars)
        return self.answer(self._task.args, task_vars)

    def answer(self, arguments: dict[str, Any], task_vars: Any, **more: Any) -> dict[str, Any]:
        """Return what the module answers to these arguments; ``more`` is for Ansible's own call."""
        name = f"dataportal.reingest.{self._task.action.rpartition('.')[2]}"
        return accepted(
            name,
            self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars, **more),
        )
