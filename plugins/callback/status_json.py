"""Print what playbooks/status.yml found as one JSON document, for scripts, and nothing else."""

from __future__ import annotations

DOCUMENTATION = r"""
name: status_json
type: stdout
short_description: One JSON document instead of lines, for playbooks/status.yml
description:
  - "C(ANSIBLE_STDOUT_CALLBACK=dataportal.reingest.status_json) makes C(playbooks/status.yml) print one
    object: C(volume) is what M(dataportal.reingest.snapshot_info) returns, C(load) is what
    M(dataportal.reingest.run_progress) returns, and C(failures) has what could not be looked at, each with
    C(host), C(task) and C(message)."
  - The exit code is that of the playbook.
author: ["The reingest developers (!UNKNOWN)"]
"""

import json
from typing import Any

from ansible.plugins.callback import CallbackBase

_PARTS = {"snapshot_info": "volume", "run_progress": "load"}
_NOT_PART = ("changed", "failed", "text", "step", "invocation", "warnings", "deprecations")


class CallbackModule(CallbackBase):
    """Keep the results of the two modules and print them at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "status_json"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._found: dict[str, Any] = {"volume": None, "load": None, "failures": []}

    def v2_runner_on_ok(self, result: Any) -> None:
        """Keep what a module found."""
        part = _PARTS.get(result.task.action.rpartition(".")[2])
        if part is not None:
            found = {
                key: value
                for key, value in result.result.items()
                if key not in _NOT_PART and not key.startswith("_ansible_")
            }
            self._found[part] = {"host": result.host.get_name(), **found}

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Keep why a host could not be looked at."""
        if not ignore_errors:
            self._failure(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Keep which host was out of reach."""
        self._failure(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print it."""
        del stats
        self._display.display(json.dumps(self._found, indent=1, sort_keys=True))

    def _failure(self, result: Any) -> None:
        self._found["failures"].append(
            {
                "host": result.host.get_name(),
                "task": result.task.get_name(),
                "message": str(result.result.get("msg", "")),
            }
        )
