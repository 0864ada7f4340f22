"""Where the time of an outage goes: what the engine, the servers, the volume and the run's steps say."""

from __future__ import annotations

import json
import re
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

from bench.outage.stack import Stack
from bench.outage.watched import Seen

_EVENTS = {"kill": "is told to stop", "die": "has ended", "start": "is started", "pause": "is frozen"}
_WORDS = (
    (re.compile(r"received fast shutdown request"), "shuts down"),
    (re.compile(r"database system is shut down"), "is shut down"),
    (re.compile(r"ready to accept connections"), "accepts logins"),
    (re.compile(r"portal: serving on"), "listens"),
)
Moment = tuple[float, str]


def timeline(stack: Stack, seen: Seen, since: float, run: Path | None = None) -> list[dict[str, object]]:
    """Return what happened around the outage, in seconds since its beginning.

    Args:
        stack: the containers that were switched.
        seen: what the prober saw.
        since: when the switch began (the machine's monotonic clock).
        run: the run's folder on the volume, of a variant that is this project.
    """
    epoch = time.time() - time.monotonic()
    last, first = (moment + epoch for moment in seen.gap)
    found: list[Moment] = [(last, "last good answer"), (first, "first good answer")]
    found += _events(stack, since + epoch)
    for container in stack.containers:
        found += _logged(container, container.removeprefix(stack.prefix), since + epoch)
    found.append(((stack.volume / "prod").lstat().st_ctime, "prod is renamed"))
    found += _steps(run) if run is not None else []
    return [
        {"at_s": round(at - last, 3), "what": what}
        for at, what in sorted(found)
        if last - 2 < at < first + 0.7
    ]


def _events(stack: Stack, since: float) -> list[Moment]:
    command = [
        "docker",
        "events",
        "--since",
        f"{since:.3f}",
        "--until",
        f"{time.time():.3f}",
        "--format",
        "{{json .}}",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = []
    for line in told.splitlines():
        event = json.loads(line)
        name = event["Actor"]["Attributes"].get("name", "")
        if name in stack.containers and event["Action"] in _EVENTS:
            found.append(
                (event["timeNano"] / 1e9, f"{name.removeprefix(stack.prefix)} {_EVENTS[event['Action']]}")
            )
    return found


def _logged(container: str, short: str, since: float) -> list[Moment]:
    command = ["docker", "logs", "--timestamps", "--since", f"{since:.3f}", container]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    found = []
    for line in done.stdout.splitlines():
        at, _, text = line.partition(" ")
        for pattern, says in _WORDS:
            if pattern.search(text):
                found.append((_parsed(at), f"{short} {says}"))
    return found


def _steps(run: Path) -> list[Moment]:
    found = []
    for step in json.loads((run / "report.json").read_text())["steps"]:
        began = datetime.fromisoformat(step["started"]).timestamp()
        what = "; ".join(step["did"])[:60] or "nothing to do"
        found.append((began, f"[ {step['stage']}: {what}"))
        found.append((began + step["seconds"], f"] {step['stage']}: {what}"))
    return found


def _parsed(text: str) -> float:
    """Return a time with nanoseconds, which fromisoformat does not read on every Python."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp() + float(
        f"0.{fraction or 0}"
    )
