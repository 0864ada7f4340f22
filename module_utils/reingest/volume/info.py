"""What is on the volume: snapshots, the live one, the load in ``ingest/``, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Refusal
from ..postgres.datadir import is_data_directory, read_data_directory
from .journal import read_intent
from .layout import Volume
from .ledger import Ledger, read_ledger
from .lock import holder
from .promote import previous_snapshot
from .prune import free_bytes
from .unsynced import is_lost


def describe(volume: Volume, *, sizes: bool = False) -> dict[str, Any]:
    """Return the state of the volume as plain values; what is broken is listed under ``faults``."""
    faults: list[str] = []
    ledger = read_ledger(volume)
    live: str | None = None
    way_back = ""
    try:
        live = volume.live()
        if live:
            way_back = previous_snapshot(volume)
    except Refusal as refusal:
        if live is None:
            faults.append(str(refusal))
    began = read_intent(volume)
    run = holder(volume)
    lost = is_lost(volume)
    return {
        "volume": str(volume.root),
        "live": live or "",
        "previous": way_back,
        "loaded": "" if lost else _loaded(volume, ledger, faults),
        "lost": lost,
        "snapshots": [
            _snapshot(volume, ledger, name, live, way_back, sizes=sizes) for name in volume.snapshots()
        ],
        "free_bytes": free_bytes(volume.root),
        "lock": None if run is None else {"run": run.run, "operator": run.operator, "since": run.since},
        "history": [
            {
                "at": entry.at,
                "state": entry.state,
                "snapshot": entry.snapshot,
                "operator": entry.operator,
                "run": entry.run,
            }
            for entry in ledger.entries[-20:]
        ],
        "interrupted": ""
        if began is None
        else f"run {began.run} was interrupted while it promoted {began.snapshot}",
        "faults": faults,
    }


def _loaded(volume: Volume, ledger: Ledger, faults: list[str]) -> str:
    if not is_data_directory(volume.ingest):
        return ""
    try:
        entry = ledger.load_of(read_data_directory(volume.ingest).system_identifier)
    except Refusal as refusal:
        faults.append(str(refusal))
        return ""
    return "" if entry is None else entry.snapshot


def _snapshot(
    volume: Volume, ledger: Ledger, name: str, live: str | None, way_back: str, *, sizes: bool
) -> dict[str, Any]:
    entry = ledger.load(name)
    state = (
        "live" if name == live else "bad" if ledger.bad(name) else "previous" if name == way_back else "kept"
    )
    found = {
        "snapshot": name,
        "state": state,
        "release": str(entry.detail.get("release", "")) if entry else "",
    }
    return {**found, "bytes": tree_bytes(volume.snapshot(name))} if sizes else found


def tree_bytes(path: Path) -> int:
    """Return the bytes of all files below a path; files that go while it counts are passed over."""
    return sum(_bytes(entry) for entry in path.rglob("*"))


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
