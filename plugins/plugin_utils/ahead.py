"""Puts together what the next tasks of a run send to a host, while the host works for this one.

Ansible reads each file that a module imports to put its bundle together: 0.2 to 0.8 s of one core for each
module, in which the host waits. It keeps the bundles of a run, so one that was made early is only read.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleError

_SWITCH = ("snapshot_promote", "switch_window", "switch_steps", "service_group")
# What is called when a module has answered, in its order; of a switch only what comes next, as users wait.
_AFTER: Mapping[str, tuple[str, ...]] = {
    "snapshot_prune": ("staging_settings",),
    "ingest_load": ("snapshot_finalise", "ingest_verify", *_SWITCH, "run_report"),
    "loader_run": ("snapshot_finalise", "ingest_verify", *_SWITCH, "run_report"),
    "ingest_verify": (*_SWITCH, "run_report"),
    "snapshot_promote": ("switch_window", "switch_steps", "service_group"),
    "switch_window": ("switch_steps",),
}
_LOADS = ("ingest", "load")  # the playbooks that load


def comes_next(module: str, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the modules that the run calls after this one, in their order, as far as that is foreseen.

    Args:
        module: the module that works.
        arguments: its arguments.
        variables: the host's variables.
    """
    playbook, stage = arguments.get("playbook"), arguments.get("stage")
    loader = "ingest_load" if variables.get("reingest_load_method", "dataset") == "dataset" else "loader_run"
    if module == "run_begin":
        return (loader, "run_check") if playbook in _LOADS else ("run_check",)
    if module == "service_group" and stage == "preflight":
        return (loader, "run_check")
    if arguments.get("plan_only") and module == loader:
        return ("run_check",)
    if module == "run_check":
        return ("snapshot_prune", "staging_settings") if arguments.get("loads") else ()
    if (module == "snapshot_prune" and stage != "load") or (module == "switch_window" and stage == "settle"):
        return ()
    after = _AFTER.get(module, ())
    return tuple(one for one in after if one not in _SWITCH) if playbook == "load" else after


class Ahead:
    """Makes bundles one after the other, as long as the host works."""

    def __init__(self, modules: tuple[str, ...], make: Callable[[str], object]) -> None:
        """Know what is to be made, and how."""
        self._left, self._make = list(modules), make
        self._stop = threading.Event()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Make bundles until the block ends; the one that is begun is finished."""
        if not self._left:
            yield
            return
        self._stop.clear()
        thread = threading.Thread(target=contextvars.copy_context().run, args=(self._work,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _work(self) -> None:
        try:
            while self._left and not self._stop.is_set():
                self._make(self._left.pop(0))
        except (AnsibleError, OSError):  # the task that needs it meets the same, and tells of it
            self._left.clear()
