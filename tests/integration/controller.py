"""Runs whose controller dies: killed, or stopped and woken up, at a task of the playbook."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deployment import ROOT
from waiting import wait_for

WATCHDOG_S = 15  # longer than Ansible needs from one task to the next on a busy machine
GRACE_S = 25  # what stopping and starting the services may take on a busy machine
_TASK = re.compile(r"^TASK \[(.*)\] \*+$")


def arguments(release, *more):
    """Return the arguments of an ingest that always loads, with a short watchdog's time."""
    given = {"sources": f"{ROOT}/demo/data/{release}", "force": "true", "watchdog": WATCHDOG_S}
    return [part for key, value in given.items() for part in ("-e", f"reingest_{key}={value}")] + list(more)


def run_to(deployment, playbook, number, *given):
    """Start a run and return it with the name of its ``number``-th task as that begins.

    The name is None when the run has fewer tasks; it has ended then.
    """
    run = deployment.start(playbook, *given)
    for line in run.stdout:
        found = _TASK.match(line)
        if found:
            number -= 1
            if number == 0:
                return run, found[1]
    run.wait()
    return run, None


SWITCHES = "Stop, promote and start on the host of the volume"  # one task, of these steps
STEPS = (
    "Stop the writers",
    "Carry the users' rows over",
    "Stop the servers",
    "Promote the snapshot",
    "Start production",
    "Give the earlier snapshot the users' rows, and open it",
    "Start the writers",
)


def run_to_step(deployment, playbook, step, *given):
    """Start a run and return it as that task, or that step of a switch, begins."""
    if step not in STEPS:
        return run_to_task(deployment, playbook, step, *given)
    run = run_to_task(deployment, playbook, SWITCHES, *given)

    def reached():
        with suppress(FileNotFoundError, ValueError):
            at = json.loads(deployment.lease()).get("step", "")
            return at in STEPS and STEPS.index(at) >= STEPS.index(step)
        return False

    wait_for(reached, f"the switch reaches {step}", seconds=60, pause=0.001)
    return run


def run_to_task(deployment, playbook, name, *given):
    """Start a run and return it as the task of that name begins."""
    run = deployment.start(playbook, *given)
    output = []
    for line in run.stdout:
        output.append(line)
        found = _TASK.match(line)
        if found and found[1].endswith(name):
            return run
    raise AssertionError(f"the run ended without {name}: {''.join(output)[-3000:]}")


def kill(run, *, modules):
    """Kill ``ansible-playbook`` and its workers; with ``modules`` also what works for it on the host.

    A module on another machine outlives its controller, one on the same machine may die with it.

    Returns:
        The modules that live on, as process ids.
    """
    controllers = stop(run)[1:]  # so that none of them starts another module meanwhile
    others = [pid for pid in _below(run.pid) if pid not in controllers and _is_module(pid)]
    for pid in [run.pid, *controllers, *(others if modules else [])]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    return [] if modules else others


def rest(run):
    """Wait until a run ends; return its exit code and the rest of its output, with wrapped lines joined."""
    output, _ = run.communicate(timeout=300)
    return run.returncode, " ".join(output.split())


def stop(run):
    """Stop ``ansible-playbook`` and its workers, as if their machine slept; modules go on."""
    stopped = [run.pid, *[pid for pid in _below(run.pid) if "ansible-playbook" in _command(pid)]]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    return stopped


def wake(stopped):
    for pid in reversed(stopped):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def window_open(deployment):
    return (deployment.home / "work/services/window.json").exists()


def wait_closed(deployment, modules=(), seconds=WATCHDOG_S + GRACE_S):
    """Wait until no window is open and nothing of the run works any more; return how long it took."""
    began = time.monotonic()

    def told():
        log = deployment.home / "work/services/watchdog.log"
        return f"the window closed: {log.read_text() if log.exists() else 'no log'}"

    wait_for(lambda: not window_open(deployment) and not any(map(_is_module, modules)), told, seconds=seconds)
    return time.monotonic() - began


@dataclass(frozen=True)
class Served:
    """What the portal serves."""

    release: str
    tables: dict
    snapshot: str


def served(deployment):
    """Return it; fails when the portal does not answer."""
    health = deployment.health()
    assert health["status"] == "ok"
    return Served(health["release"], health["tables"], (deployment.volume / "prod").readlink().name)


def snapshots(deployment):
    """Return the release of each load that the ledger knows, by its snapshot."""
    return {
        line["snapshot"]: line["detail"]["release"]
        for line in deployment.ledger()
        if line["state"] == "loaded"
    }


def other(deployment):
    """Return a snapshot that is not live."""
    live = (deployment.volume / "prod").readlink().name
    return next(name for name in snapshots(deployment) if name != live)


def lives(pid):
    """Return whether a process runs; one that ended and was not asked for does not."""
    return bool(_command(pid))


def _below(root):
    """Return all processes below one, those nearest to it first."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    found, nearest = [], [root]
    while nearest:
        nearest = [pid for pid, parent in parents.items() if parent in nearest]
        found += nearest
    return found


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _is_module(pid):
    command = _command(pid)
    own = ("reingest-keeper", "reingest-watch", "postgres", "portal", "setpriv")
    return bool(command) and not any(word in command for word in own) and "python" in command
