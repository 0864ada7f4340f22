"""The ways to switch that are compared. Each is made ready before and put back after."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.outage.stack import ROOT, Stack, run
from bench.outage.timeline import timeline
from bench.outage.watched import Watch, wait_good

HERE = Path(__file__).parent
PLAY = [str(Path(sys.executable).parent / "ansible-playbook")]
_DATA = ROOT / "demo/data/r1_2020-07-28"
_QUIET_S = 1.0  # after everything runs again, and before it is measured


@dataclass(frozen=True)
class Variant:
    """One way: which stack it switches, and how."""

    stack: Stack
    switch: Callable[[Stack, int], dict[str, object]]  # the round's rows; returns its figures


def script(name: str) -> Callable[[Stack, int], dict[str, object]]:
    return lambda stack, rows: _plain(stack, rows, ["/bin/sh", str(HERE / name)])


def tasks(stack: Stack, rows: int) -> dict[str, object]:
    return _plain(stack, rows, [*PLAY, "-i", "localhost,", "-c", "local", str(HERE / "tasks.yml")])


def ingest(stack: Stack, *told: str) -> list[object]:
    """Return the command of a whole ingest of a release that is new in one byte."""
    sources = f"reingest_sources={release(stack)}"
    return [*PLAY, "-i", "inventories/docker", "ingest.yml", "-e", sources, *told]


def ours(*told: str) -> Callable[[Stack, int], dict[str, object]]:
    """Return an ingest by this project; ``told`` is what its run is told beside the inventory."""
    return lambda stack, rows: _ours(stack, rows, ingest(stack, *told))


def _ours(stack: Stack, rows: int, command: list[object]) -> dict[str, object]:
    """Ingest, watched from the beginning of the switch on."""
    stack.fill(rows)
    since, watch, told = time.monotonic(), None, []
    play = subprocess.Popen(
        command, cwd=ROOT, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in play.stdout:
        told.append(line)
        if line.startswith("PLAY [Switch production]"):
            watch = Watch(stack.health, stack.page)
        if line.startswith("PLAY [Delete what retention"):
            break
    seen = watch.seen() if watch is not None else None
    told.append(play.stdout.read())
    assert play.wait() == 0, "".join(told)
    folder = max(
        (stack.volume / ".reingest/runs").glob("*/report.json"), key=lambda one: one.stat().st_mtime
    ).parent
    report = json.loads((folder / "report.json").read_text())
    assert report["outcome"] == "done", report
    assert int(stack.sql(stack.live, "SELECT count(*) FROM file_download")) == rows
    return {
        **seen.figures(),
        "run_s": round(report["seconds"], 1),
        "window_s": report["window_seconds"],
        "timeline": timeline(stack, seen, since, folder),
    }


def release(stack: Stack) -> Path:
    """Return sources of a release that no earlier one equals: its studies have another description."""
    folder = stack.home / f"sources/r{time.time_ns()}"
    folder.mkdir(parents=True)
    for source in _DATA.iterdir():
        if source.name != "study_set.jsonl.gz":
            shutil.copy(source, folder)
    with (
        gzip.open(_DATA / "study_set.jsonl.gz", "rt") as studies,
        gzip.open(folder / "study_set.jsonl.gz", "wt") as out,
    ):
        for line in studies:
            study = json.loads(line)
            study["description"] = f"{study.get('description', '')} {folder.name}"
            out.write(json.dumps(study) + "\n")
    return folder


def _plain(stack: Stack, rows: int, command: list[str]) -> dict[str, object]:
    """Switch the stack without this project: the load in db-ingest is the snapshot that served before."""
    stack.fill(rows)
    stack.sql(stack.new, "TRUNCATE file_download")
    before = (stack.volume / "prod").resolve()
    snapshot = f"s{time.time_ns()}"
    time.sleep(_QUIET_S)
    since = time.monotonic()
    watch = Watch(stack.health, stack.page)
    time.sleep(_QUIET_S)
    run(*command, env={**stack.environment, "SNAPSHOT": snapshot})
    wait_good(stack.health)
    time.sleep(_QUIET_S)
    seen = watch.seen()
    assert (stack.volume / "prod").resolve().name == snapshot
    assert int(stack.sql(stack.live, "SELECT count(*) FROM file_download")) == rows
    figures = {**seen.figures(), "timeline": timeline(stack, seen, since)}
    run("docker", "stop", stack.ingest)
    shutil.rmtree(stack.volume / "ingest", ignore_errors=True)
    before.rename(stack.volume / "ingest")
    run("docker", "start", stack.ingest)
    stack.wait_login(stack.new)
    return figures
