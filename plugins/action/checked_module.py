"""Run a module of this collection, and take of its answer what the module documents.

One plugin for all modules that need no more of the controller (``meta/runtime.yml``).
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.ahead import Ahead, comes_next
from ..plugin_utils.results import accepted


class ActionModule(ActionBase):
    """Run the module whose name the task has."""

    _supports_check_mode = True
    _supports_async = False  # what a job hands in later would not come by here
    _ahead: Ahead | None = None

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

    def _configure_module(self, module_name: str, module_args: Any, task_vars: Any) -> Any:
        """Return the bundle of a module; from then on those of the next tasks can be put together."""
        put_together = super()._configure_module
        bundle = put_together(module_name, module_args, task_vars)
        if (
            self._ahead is None
        ):  # of several hosts one makes it, and the others wait: Ansible has a lock for each
            name = self._task.action.rpartition(".")[2]
            modules = comes_next(name, self._task.args, task_vars)
            self._ahead = Ahead(
                modules, lambda one: put_together(f"dataportal.reingest.{one}", {}, task_vars)
            )
        return bundle

    def _low_level_execute_command(self, *args: Any, **options: Any) -> Any:
        with self._ahead.working() if self._ahead is not None else nullcontext():
            return super()._low_level_execute_command(*args, **options)
