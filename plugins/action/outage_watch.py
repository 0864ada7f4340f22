"""Tell the prober whose run it works for: only the controller knows the process of this ansible-playbook."""

from __future__ import annotations

from typing import Any

from ..module_utils.reingest.host.boot import machine
from ..module_utils.reingest.host.processes import started_at
from .checked_module import ActionModule as CheckedModule
from .run_lock import controller


class ActionModule(CheckedModule):
    """Run the module of the same name with what only the controller knows."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the part of the module's answer that the controller goes on with."""
        super(CheckedModule, self).run(tmp, task_vars)
        process = controller()
        known = {"controller": machine(), "process": process, "process_started": started_at(process) or ""}
        return self.answer({**self._task.args, **(known if process else {})}, task_vars)
