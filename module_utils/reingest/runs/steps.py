"""What each module call of a run did, or would do: the lines that the report is made of.

Every call appends its step to the run's file on its host, so that a step that nobody registers and a run that
was killed are told, too. A dry run writes the same file, with what each step brings about: later steps of the
dry run take that as done. The file of a dry run is deleted at its end.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..fs.record_values import Time, checked, parse_document, record_from
from ..volume.snapshot_id import MaybeSnapshotId

FILE = "steps.jsonl"  # in the run's folder on each host
_PREDICTS = "predicts"
_NEW = "made-the-directory-above"  # by a dry run


class StepClock:
    """Started when a module begins; makes the ``step`` value of its result."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._began = datetime.now(timezone.utc)
        self._clock = time.monotonic()

    def step(
        self, did: Sequence[str], *, changed: bool, detail: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the step.

        Args:
            did: what was done, one plain sentence each, in order; the same text in check mode as in the real
                run (no counts, no durations in it), so that a plan can be compared with what was then done.
            changed: whether anything was changed.
            detail: figures for the report, such as rows by table; may be absent in check mode.

        Returns:
            ``{stage, started (UTC, ISO 8601), seconds, changed, did, detail}``
        """
        return {
            "stage": self._stage,
            "started": self._began.isoformat(timespec="milliseconds"),
            "seconds": round(time.monotonic() - self._clock, 3),
            "changed": changed,
            "did": list(did),
            "detail": dict(detail or {}),
        }


@dataclass(frozen=True)
class Predicted:
    """What the earlier steps of a dry run bring about on this host."""

    services: Mapping[str, str] = field(default_factory=dict)  # "started" or "stopped" by service name
    copied: MaybeSnapshotId = ""  # the load that is copied to where it is promoted
    live: MaybeSnapshotId = ""  # the snapshot that becomes the live one
    loading: bool = False  # the staging server gets its settings for the load

    def as_values(self) -> dict[str, Any]:
        """Return what is predicted, and nothing else, as plain values."""
        values = {"services": dict(self.services), "copied": self.copied, "live": self.live}
        return {name: value for name, value in {**values, "loading": self.loading}.items() if value}


@dataclass(frozen=True)
class _Step:
    """What a step holds, where it was not made up: a host gives its own, which are read on another one."""

    stage: str
    started: Time
    seconds: float
    changed: bool
    did: tuple[str, ...]
    detail: Mapping[str, Any]
    failure: str = ""
    host: str = ""
    predicts: Predicted = field(default_factory=Predicted)


def is_step(raw: object) -> bool:
    """Return whether something is a step as ``StepClock`` makes them, with what was added to it since."""
    try:
        step = record_from(_Step, raw)
        for name in ("tables", "profiles"):
            checked(Mapping[str, Mapping[str, Any]], step.detail.get(name) or {}, name)
    except ValueError:
        return False
    return True


def predicted(steps: Iterable[Mapping[str, Any]]) -> Predicted:
    """Return what the steps bring about together; of two that say the same, the later one counts."""
    services: dict[str, str] = {}
    others: dict[str, Any] = {}
    for step in steps:
        values = dict(step.get(_PREDICTS) or {})
        services.update(values.pop("services", {}))
        others.update(values)
    return Predicted(services=services, **others)


def append_step(work: Path, run: str, step: Mapping[str, Any], brings: Predicted | None = None) -> None:
    """Append a step to the run's file on this host.

    Args:
        work: this host's own directory.
        run: the run's id.
        step: what ``StepClock`` made.
        brings: in a dry run, what the step would bring about.
    """
    folder = work / run
    new = not work.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if new and brings is not None:
        (folder / _NEW).touch()
    line = {**step, **({_PREDICTS: brings.as_values()} if brings is not None else {})}
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, sort_keys=True) + "\n")


def read_steps(work: Path, run: str) -> list[dict[str, Any]]:
    """Return the run's steps on this host, oldest first; a line that is no step is passed over.

    A crash cuts the last one short.
    """
    steps = []
    with suppress(FileNotFoundError), (work / run / FILE).open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with suppress(ValueError):
                steps.append(parse_document(line))
    return [step for step in steps if is_step(step)]


def told_steps(work: Path, run: str) -> list[dict[str, Any]]:
    """Return the run's steps on this host as the report has them."""
    return [{name: step[name] for name in step if name != _PREDICTS} for step in read_steps(work, run)]


def forget_dry_run(work: Path, run: str) -> None:
    """Delete what a dry run wrote on this host, and this host's own directory where the dry run made it."""
    new = (work / run / _NEW).exists()
    shutil.rmtree(work / run, ignore_errors=True)
    if new:
        with suppress(OSError):
            work.rmdir()
