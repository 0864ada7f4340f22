"""Claim the volume in the name of this ansible-playbook; take over what a killed one left."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


def controller() -> str:
    """Return this machine and its boot: a process id of another boot or container means nothing here."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    started = process_started(1)  # tells containers of one machine apart
    boot_id = boot.read_text(encoding="ascii").strip() if boot.exists() else ""
    return f"{socket.gethostname()}/{boot_id}/{started}"


def process_started(process: int) -> str:
    """Return the start time of a process in clock ticks since boot; empty when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces
    return "" if fields[0] in ("Z", "X") else fields[19]


class ActionModule(ActionBase):
    """Run the module of the same name with what only the controller knows."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the result; try again when what is in the way is the claim of a dead process here."""
        super().run(tmp, task_vars)
        process = os.getppid()  # this is a worker process of ansible-playbook
        who = {"controller": controller(), "process": process, "process_started": process_started(process)}
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
        if holder.get("controller") != controller():
            return False
        return process_started(int(holder["process"])) != holder["process_started"]
