"""Bring a load into ``staging/`` by a copy, before the window, where ``ingest/`` cannot be renamed there.

The copy is made under ``.reingest/copying``, proven and on disk; one rename makes it the snapshot; then
``ingest/`` is emptied. The promotion finds a load that lies in ``staging/``, and moves nothing.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.copy_file import clone_file
from ..fs.copy_tree import CopyFigures, DoneList, Tree, copy_tree, survey_tree
from ..fs.durable import make_own_directory, remove_empty, sync_directory, unlink
from ..fs.no_follow import is_empty, is_folder, listed
from ..fs.removal import remove_tree
from ..fs.rename import rename
from ..fs.sizes import shown_bytes
from ..postgres.control import read_control
from ..postgres.datadir import DataDirectory, is_data_directory, read_data_directory, version_faults
from ..promotion.candidate import candidate_faults, live_directory, load_faults
from ..promotion.movable import ingest_mount_faults, staging_mount_faults
from ..volume.bad import refuse_bad
from ..volume.layout import Volume, live_snapshot
from ..volume.ledger import Entry, Ledger, read_ledger
from ..volume.unsynced import is_lost
from .emptying import empty_ingest, give_up_emptying, is_half_emptied

_LEAST = 4  # copies at once: while one waits for the disk the others read and add up


@dataclass(frozen=True)
class SnapshotCopy:
    """What is to be done so that the load lies in ``staging/``."""

    snapshot: str  # empty: ingest/ holds no load that is to be promoted
    copy: bool
    empty: bool  # ingest/, which holds what staging/ has too
    stale: bool = False  # staging/ holds a copy of what the load was before it was resumed
    stands: bool = True  # ingest/ still has it; else a run died that emptied it after its copy

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return self.copy or self.empty

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        steps = [f"copy ingest to staging/{self.snapshot}"] if self.copy else []
        return [*steps, "empty ingest"] if self.empty else steps

    def diff(self) -> dict[str, str]:
        """Return where the load lies, before and after."""
        if not self.changed:
            return {"before": "", "after": ""}
        after = f"staging/{self.snapshot}: the load\n" if self.copy else ""
        return {"before": "ingest: the load\n", "after": f"{after}ingest: empty\n"}


def plan_copy(
    volume: Volume, snapshot: str, *, loaded: str, dry: bool, exclusive: bool = False, force: bool = False
) -> SnapshotCopy:
    """Plan it; nothing is to be done where a rename does it, or where another snapshot is promoted.

    Args:
        volume: the volume.
        snapshot: the id that the run promotes; empty: whatever load ``ingest/`` holds.
        loaded: the id of the load that this run made.
        dry: check mode: a load and a stop that come before this step are taken as done.
        exclusive: whether ``ingest/`` is declared to be nobody else's, where that cannot be seen.
        force: also a load of what a rollback left for being bad.

    Raises:
        Refusal: the load may not be promoted, or a copy cannot do it either.
    """
    nothing = SnapshotCopy("", copy=False, empty=False)
    if not ingest_mount_faults(volume):
        return nothing
    wanted = snapshot or loaded
    if is_half_emptied(volume):
        return SnapshotCopy(wanted, copy=False, empty=True, stands=False)
    if not is_data_directory(volume.ingest) or is_lost(volume):
        coming = dry and bool(loaded) and wanted == loaded
        return SnapshotCopy(loaded, copy=True, empty=True) if coming else nothing
    found, ledger = read_data_directory(volume.ingest), read_ledger(volume)
    entry = ledger.load_of(found.system_identifier)
    if entry is None or wanted not in ("", entry.snapshot):
        coming = dry and bool(loaded) and wanted == loaded
        return SnapshotCopy(loaded, copy=True, empty=True) if coming else nothing
    if not force:
        refuse_bad(ledger, entry.snapshot)
    _refuse(volume, _faults(volume, found, entry, dry=dry, exclusive=exclusive))
    there = volume.snapshot(entry.snapshot)
    if not is_data_directory(there):
        return SnapshotCopy(entry.snapshot, copy=True, empty=True)
    if read_control(there) == found.control:
        return SnapshotCopy(entry.snapshot, copy=False, empty=True)
    return SnapshotCopy(entry.snapshot, copy=True, empty=True, stale=_stale(volume, ledger, entry))


def apply_copy(volume: Volume, plan: SnapshotCopy) -> CopyFigures:
    """Do what was planned; a run that is killed in it is resumed.

    Raises:
        Refusal: there is no room, a file cannot be read or written, or somebody works in ``ingest/``.
    """
    figures = CopyFigures()
    if plan.copy:
        figures = _copy(volume, plan)
    if plan.empty:
        empty_ingest(volume)
    _clear(volume)
    return figures


def _copy(volume: Volume, plan: SnapshotCopy) -> CopyFigures:
    place, target = _place(volume), volume.snapshot(plan.snapshot)
    make_own_directory(volume.records)
    make_own_directory(volume.staging, through=True)
    make_own_directory(place)
    _clear(volume, keep=plan.snapshot)
    working = place / plan.snapshot
    if plan.stale:
        rename(target, working)  # what has not changed since is kept
        sync_directory(volume.staging)
        sync_directory(place)
    give_up_emptying(volume)
    before = read_control(volume.ingest)
    tree = survey_tree(volume.ingest)
    clone = _clones(volume, place)
    if not clone:
        _refuse_no_room(volume, tree, working)
    done = DoneList(_list(volume, plan.snapshot))
    try:
        figures = copy_tree(tree, working, done, at_once=max(_LEAST, os.cpu_count() or 1), clone=clone)
    finally:
        done.close()
    after, copied = read_control(volume.ingest), read_control(working)
    if not before == after == copied:
        raise Refusal(
            f"a server worked in {volume.ingest} while it was copied: stop what started it, then run again"
        )
    if is_folder(target) and is_empty(target):
        remove_empty(target)  # an empty place that a promotion by rename had made ready
    rename(working, target)
    sync_directory(volume.staging)
    sync_directory(place)
    return figures


def _faults(volume: Volume, found: DataDirectory, entry: Entry, *, dry: bool, exclusive: bool) -> list[str]:
    live = live_snapshot(volume)
    faults = staging_mount_faults(volume)
    # Nothing of the live snapshot moves: its server may run, and is only compared with.
    faults += candidate_faults(volume, found, "", dry=dry, exclusive=exclusive)
    faults += version_faults(found, live_directory(volume, live))
    return faults + load_faults(volume, found, live, entry=entry, dry=dry)


def _stale(volume: Volume, ledger: Ledger, entry: Entry) -> bool:
    if ledger.was_live(entry.snapshot):
        raise Refusal(
            f"{volume.ingest} and {volume.snapshot(entry.snapshot)} are of the same load, and the second was "
            "live: load again"
        )
    return True


def _refuse_no_room(volume: Volume, tree: Tree, working: Path) -> None:
    free = shutil.disk_usage(volume.root).free
    there = survey_tree(working).disk_bytes if is_folder(working) else 0
    needed = tree.disk_bytes - there
    if free < needed:
        raise Refusal(
            f"{volume.root} has {shown_bytes(free)} free, the copy of {volume.ingest} needs "
            f"{shown_bytes(needed)}: prune (prune.yml, with a smaller reingest_keep), or enlarge the volume"
        )


def _clones(volume: Volume, place: Path) -> bool:
    """Return whether files of ``ingest/`` can share their blocks with a copy, by trying it."""
    probe = place / ".probe"
    try:
        return clone_file(volume.ingest / "PG_VERSION", probe) is not None
    except OSError:
        return False  # what it was, the copy meets too, and says
    finally:
        unlink(probe)


def _clear(volume: Volume, *, keep: str = "") -> None:
    """Take away what other copies left: none of it was ever a snapshot, and its source is still there."""
    place = _place(volume)
    if not is_folder(place):
        return
    for name in listed(place):
        if keep and place / name in (place / keep, _list(volume, keep)):
            continue
        if faults := remove_tree(place / name).faults:
            raise Refusal(f"{place} cannot be emptied: {'; '.join(faults)}")
    if not keep:
        remove_empty(place)
        sync_directory(volume.records)


def _place(volume: Volume) -> Path:
    return volume.records / "copying"


def _list(volume: Volume, snapshot: str) -> Path:
    return _place(volume) / f"{snapshot}.done"


def _refuse(volume: Volume, faults: list[str]) -> None:
    if faults:
        raise Refusal(f"{volume.ingest} cannot be copied: " + "; ".join(faults))
