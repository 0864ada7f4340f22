"""Give back the volume of a run whose ansible-playbook ran on this controller, and is gone."""

from __future__ import annotations

from typing import Any

from .run_lock import ActionModule as Claims


class ActionModule(Claims):
    """Run the module of the same name, and tell it what only the controller knows."""

    _module = "run_stop"

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the result; try again when the run that holds the volume lock is one that died here."""
        super(Claims, self).run(tmp, task_vars)
        result = self._call({}, task_vars)
        holder = result.get("holder") or {}
        if not result.get("failed") and holder and self._is_dead(holder):
            result = self._call({"take_over": holder["run"]}, task_vars)
        return result
