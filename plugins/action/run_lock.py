"""Claim the volume in the name of this ansible-playbook; take over what a killed one left."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils.reingest.host.boot import machine
from ..module_utils.reingest.host.processes import started_at
from ..module_utils.reingest.volume.run_id import is_run
from .checked_module import ActionModule as CheckedModule


class ActionModule(CheckedModule):
    """Run the module of the same name with what only the controller knows."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the result; try again when what is in the way is the claim of a dead process here."""
        super(CheckedModule, self).run(tmp, task_vars)
        process = os.getppid()  # this is a worker process of ansible-playbook
        known = {"controller": machine(), "process": process, "process_started": started_at(process)}
        who = {**self._task.args, **{key: value for key, value in known.items() if value}}
        result = self.answer(who, task_vars)
        if result.get("failed") and died_here(result.get("holder")):
            result = self.answer({**who, "take_over": result["holder"]["run"]}, task_vars)
        return result


def died_here(holder: dict[str, Any] | None) -> bool:
    """Return whether a claim, as a host tells it, is that of a process of this controller that is gone."""
    if not holder or holder.get("controller") != machine() or not is_run(holder.get("run")):
        return False
    process, began = holder.get("process"), holder.get("process_started")
    return bool(process and began) and (started_at(process) or "") != began
