"""What goes on when ansible-playbook is interrupted: a load runs on, a watchdog ends a switch."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_LOADS = ("ingest_load", "loader_run")


@dataclass(frozen=True)
class Stage:
    """Where a run is."""

    claimed: bool = False  # it holds the volume
    loading: bool = False
    window: bool = False  # the portal is away, or about to be


def stage_after(stage: Stage, module: str, arguments: Mapping[str, Any], *, ended: bool) -> Stage:
    """Return where the run is when a task of this module begins, or has ended well.

    Args:
        stage: where it was.
        module: the module's name, without its collection.
        arguments: the task's own arguments; they may be templates.
        ended: whether it has ended.
    """
    state = str(arguments.get("state", ""))
    if module == "run_begin" and not ended:
        return replace(stage, claimed=True)
    if module in _LOADS and not arguments.get("plan_only"):
        return replace(stage, loading=not ended)
    if module == "switch_window" and state in ("opened", "closed"):
        # Its task may have done it whenever it began; it is closed for certain when that has ended.
        return replace(stage, window=True) if state == "opened" else replace(stage, window=not ended)
    if (module == "run_report" and ended) or (module == "run_lock" and state == "released" and ended):
        return Stage()
    return stage


def watchdog_seconds(variables: Mapping[str, Any], hosts: int) -> float:
    """Return after how many seconds of silence the hosts bring the portal back; 0: not known.

    Args:
        variables: those of a host of the run.
        hosts: how many hosts the run works on; see ``reingest_watchdog``.
    """
    names = {
        "reingest_watchdog": variables.get("reingest_dead_man", 60),
        "reingest_stop_timeout": 120,
        "reingest_start_timeout": 60,
    }
    try:
        watchdog, *timeouts = (float(variables.get(name, unset)) for name, unset in names.items())
    except (TypeError, ValueError):  # a template
        return 0
    return watchdog + (max(timeouts) if hosts > 1 else 0)


def left_behind(stage: Stage, arguments: Mapping[str, Any], root: Path, watchdog: float = 0) -> list[str]:
    """Return what an operator must know after Ctrl-C, and what to type.

    Args:
        stage: where the run was.
        watchdog: see ``watchdog_seconds``.
        arguments: the parsed command line, ``ansible.context.CLIARGS``.
        root: the repository, or the installed collection.
    """

    def line(playbook: str) -> str:
        return f"  {_command(playbook, arguments, root)}"

    if stage.window:
        after = f"{watchdog:.0f} s" if watchdog else "reingest_watchdog seconds"
        return [
            "The run was inside its switch: the portal is away. Each host brings its part of it back by "
            "itself "
            f"{after} after the run's last sign of life. At once does it:",
            line("recover"),
        ]
    if stage.loading:
        return [
            "The load goes on without this ansible-playbook; production is not touched. How far it is, and "
            "what ends it:",
            line("status"),
            line("stop"),
            "The next ingest.yml ends it, too, and continues with the tables that it filled.",
        ]
    if stage.claimed:
        return [
            "The run still holds the volume; production serves. The next run from this machine takes the "
            "volume over, "
            "and so does:",
            line("recover"),
        ]
    return ["Nothing was begun: no host was asked to change anything."]


def _command(playbook: str, arguments: Mapping[str, Any], root: Path) -> str:
    """Return the command line of another playbook with the same inventory, to be pasted."""
    called = str((arguments.get("args") or [""])[0])
    named = called.startswith("dataportal.reingest.")
    path = root / f"playbooks/{playbook}.yml"
    try:
        shown = path.relative_to(Path.cwd())
    except ValueError:
        shown = path
    sources = [part for one in arguments.get("inventory") or () for part in ("-i", str(one))]
    return shlex.join(
        [
            "ansible-playbook",
            f"dataportal.reingest.{playbook}" if named else str(shown),
            *map(_short, sources),
        ]
    )


def _short(part: str) -> str:
    """Return a path as it is typed from here."""
    here = f"{Path.cwd()}/"
    return part.removeprefix(here)
