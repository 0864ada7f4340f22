"""Claim the volume in the name of this ansible-playbook; take over what a killed one left."""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.reingest.host.boot import machine
from ..module_utils.reingest.host.processes import started_at


class ActionModule(ActionBase):
    """Run the module of the same name with what only the controller knows."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the result; try again when what is in the way is the claim of a dead process here."""
        super().run(tmp, task_vars)
        process = os.getppid()  # this is a worker process of ansible-playbook
        who = {"controller": machine(), "process": process, "process_started": started_at(process)}
        result = self._claim(who, task_vars)
        holder = result.get("holder") or {}
        if result.get("failed") and self._is_dead(holder):
            result = self._claim({**who, "take_over": holder["run"]}, task_vars)
        return result

    def _claim(self, extra: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        arguments = {**self._task.args, **{key: value for key, value in extra.items() if value}}
        return dict(
            self._execute_module(
                module_name="dataportal.reingest.run_lock", module_args=arguments, task_vars=task_vars
            )
        )

    def _is_dead(self, holder: dict[str, Any]) -> bool:
        if holder.get("controller") != machine():
            return False
        return (started_at(int(holder["process"])) or "") != holder["process_started"]
