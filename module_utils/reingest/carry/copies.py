"""The copies of carried rows, and the records of fences: they go with the snapshot that the rows are from.

A copy that is the only place of a row (``give_back`` could not put it) is marked and stays.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import Refusal
from ..fs.durable import replace_file
from ..fs.no_follow import is_folder, is_there, listed
from ..fs.removal import remove_tree
from ..postgres.control import read_control
from ..volume.layout import Volume
from .record import ONLY_PLACE, carried_folder, carried_record, fence_record, fences


def stale_copies(volume: Volume) -> list[Path]:
    """Return the folders of copies that nothing needs any more, oldest run first.

    One is needed while the snapshot that its rows are from is on the volume, and fenced since.
    """
    there = _servers(volume)
    found = []
    runs = volume.records / "runs"
    for run in sorted(listed(runs)) if is_folder(runs) else ():
        folder = carried_folder(volume, run)
        if is_folder(folder) and not is_there(folder / ONLY_PLACE) and not _is_needed(volume, run, there):
            found.append(folder)
    return found


def tidy_copies(volume: Volume) -> list[str]:
    """Delete these folders, and the records of fences of servers that are gone; return what could not be."""
    faults = []
    for folder in stale_copies(volume):
        faults += remove_tree(folder).faults
    there = _servers(volume)
    for server in fences(volume):
        if server not in there:
            fence_record(volume, server).remove()
    return faults


def keep_for_ever(folder: Path, lines: tuple[str, ...]) -> None:
    """Mark a copy as the only place of rows."""
    replace_file(folder / ONLY_PLACE, "".join(f"{line}\n" for line in lines).encode())


def _is_needed(volume: Volume, run: str, there: set[str]) -> bool:
    try:
        manifest = carried_record(volume, run).read()
        if manifest is None:
            return False
        fence = fence_record(volume, manifest.server).read()
    except Refusal:
        return True  # nobody can tell
    return manifest.server in there and fence is not None and fence.taken == run


def _servers(volume: Volume) -> set[str]:
    found = set()
    for path in (*(volume.snapshot(name) for name in volume.snapshots()), volume.ingest):
        with suppress(Refusal, OSError):  # a damaged directory has no server
            found.add(read_control(path).system_identifier)
    return found
