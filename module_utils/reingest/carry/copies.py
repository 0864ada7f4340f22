"""The copies of carried rows, and the records of fences: they go with the snapshot that the rows are from.

A copy that is the only place of a row (``give_back`` could not put it) is marked, and stays until somebody
accepts losing it by name.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ..errors import Refusal
from ..fs.durable import replace_file
from ..fs.no_follow import is_folder, is_there, listed, read_small
from ..fs.removal import remove_tree
from ..postgres.control import read_control
from ..volume.layout import Volume
from .record import ONLY_PLACE, carried_folder, carried_record, fence_record, fences


def stale_copies(volume: Volume) -> list[Path]:
    """Return the folders of copies that nothing needs any more, oldest run first.

    One is needed while the snapshot that its rows are from is on the volume, and fenced since.
    """
    there = _servers(volume)
    return [
        folder
        for run, folder in _copies(volume)
        if not is_there(folder / ONLY_PLACE) and not _is_needed(volume, run, there)
    ]


def only_places(volume: Volume) -> dict[str, tuple[str, ...]]:
    """Return, by run, which rows its copy alone has: a sentence for each table.

    Raises:
        Refusal: a mark is not this account's.
    """
    found = {}
    for run, folder in _copies(volume):
        if is_there(folder / ONLY_PLACE):
            text = read_small(folder / ONLY_PLACE, own=True).decode("utf-8", "replace")
            found[run] = tuple(text.splitlines())
    return found


def lost_copies(volume: Volume, lost: Collection[str]) -> list[Path]:
    """Return the folders of marked copies that somebody accepted to lose, by their runs.

    One whose rows a database is still to get is not among them.
    """
    if not lost:
        return []
    records = [fence_record(volume, server).read() for server in fences(volume)]
    awaited = {record.carried for record in records if record is not None}
    return [
        folder
        for run, folder in _copies(volume)
        if run in lost and run not in awaited and is_there(folder / ONLY_PLACE)
    ]


def tidy_copies(volume: Volume, lost: Collection[str] = ()) -> list[str]:
    """Delete both, and the records of fences of servers that are gone; return what could not be."""
    faults = []
    for folder in (*stale_copies(volume), *lost_copies(volume, lost)):
        faults += remove_tree(folder).faults
    there = _servers(volume)
    for server in fences(volume):
        if server not in there:
            fence_record(volume, server).remove()
    return faults


def keep_for_ever(folder: Path, lines: tuple[str, ...]) -> None:
    """Mark a copy as the only place of rows."""
    replace_file(folder / ONLY_PLACE, "".join(f"{line}\n" for line in lines).encode())


def _copies(volume: Volume) -> list[tuple[str, Path]]:
    runs = volume.records / "runs"
    names = sorted(listed(runs)) if is_folder(runs) else ()
    found = [(run, carried_folder(volume, run)) for run in names]
    return [(run, folder) for run, folder in found if is_folder(folder)]


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
