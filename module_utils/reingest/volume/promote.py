"""Make a data directory the live one: planned from what is there, so that a second run, or a run after a crash, goes on.

The commit point is the rename of ``prod``. Before it the old snapshot is live, after it the new one; the journal, written
before the first change, says what was intended.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..errors import Refusal
from ..postgres.datadir import (
    DataDirectory,
    is_data_directory,
    read_data_directory,
    structure_faults,
    use_faults,
    version_faults,
)
from . import ledger as ledger_file
from .durable import make_directory, replace_link, sync_directory, sync_tree
from .journal import Intent, close_intent, open_intent, read_intent
from .layout import Volume
from .ledger import Ledger, read_ledger


@dataclass(frozen=True)
class Promotion:
    """What is to be done to make a snapshot the live one."""

    snapshot: str
    previous: str  # what is live now; empty before the first promotion
    origin: str  # "ingest", "staging", or "" when it is live already
    system_identifier: str  # empty in check mode, when the load is still to come
    move: bool  # ingest/ becomes staging/<snapshot>
    link: bool  # prod is pointed at it
    record: bool  # the ledger does not have it yet

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return self.move or self.link or self.record

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        steps = []
        if self.move:
            steps += [f"move ingest to staging/{self.snapshot}", "make a fresh ingest"]
        if self.link:
            steps.append(f"point prod at staging/{self.snapshot}")
        return steps

    def diff(self) -> dict[str, str]:
        """Return where ``prod`` leads, before and after."""
        before = f"prod -> staging/{self.previous}\n" if self.previous else "prod: absent\n"
        after = f"prod -> staging/{self.snapshot}\n"
        if self.move:
            before += "ingest: the load\n"
            after += "ingest: empty\n"
        return {"before": before, "after": after}


def plan_promotion(volume: Volume, snapshot: str, *, loaded: str, dry: bool) -> Promotion:
    """Plan the promotion of a snapshot, or of the load in ``ingest/``.

    Args:
        volume: the volume.
        snapshot: the id to promote; empty: whatever load ``ingest/`` holds.
        loaded: the id of the load that this run made; ``ingest/`` must hold that one.
        dry: check mode: a load and a stop that come before this step are taken as done.

    Raises:
        Refusal: with every fault that was found.
    """
    live = volume.live()
    previous = live or ""
    ledger = read_ledger(volume)
    wanted = snapshot or loaded
    if dry and loaded and wanted == loaded:
        faults = _mount_faults(volume)
        _refuse(volume.ingest, faults)
        return Promotion(wanted, previous, "ingest", "", move=True, link=True, record=True)
    if not wanted:
        wanted = loaded_snapshot(volume, ledger)
    target = volume.snapshot(wanted)
    if live == wanted:
        known = ledger.served(wanted)
        return Promotion(wanted, previous, "", "", move=False, link=False, record=not known and ledger.load(wanted) is not None)
    reference = read_data_directory(volume.staging / previous) if previous else None
    if target.is_dir():
        found = read_data_directory(target)
        _refuse(target, _faults(found, reference, dry=dry))
        return Promotion(wanted, previous, "staging", found.system_identifier, move=False, link=True, record=True)
    found = read_data_directory(volume.ingest)
    held = loaded_snapshot(volume, ledger)
    if held != wanted:
        raise Refusal(f"there is no snapshot {wanted} in {volume.staging}, and {volume.ingest} holds the load {held}")
    _refuse(volume.ingest, _faults(found, reference, dry=dry) + _mount_faults(volume))
    return Promotion(wanted, previous, "ingest", found.system_identifier, move=True, link=True, record=True)


def loaded_snapshot(volume: Volume, ledger: Ledger) -> str:
    """Return the id of the finished load in ``ingest/``, found by the cluster's system identifier.

    Raises:
        Refusal: there is no data directory, or no finished load in it.
    """
    found = read_data_directory(volume.ingest)
    entry = ledger.load_of(found.system_identifier)
    if entry is None:
        raise Refusal(
            f"{volume.ingest} holds no finished load (the ledger has no line for system identifier {found.system_identifier}): "
            f"run load.yml, or name an earlier snapshot with reingest_snapshot"
        )
    return entry.snapshot


def apply_promotion(volume: Volume, plan: Promotion, *, run: str, operator: str, kind: str) -> None:
    """Do what was planned, each step durable before the next."""
    if plan.move or plan.link:
        open_intent(
            volume, Intent(run, operator, plan.snapshot, plan.previous, plan.origin, plan.system_identifier)
        )
    if plan.move:
        probe_rename(volume)
        make_directory(volume.staging, like=volume.root)
        sync_tree(volume.ingest)
        fresh = volume.records / "fresh"
        make_directory(fresh, like=volume.ingest)
        volume.ingest.rename(volume.snapshot(plan.snapshot))
        sync_directory(volume.staging)
        fresh.rename(volume.ingest)
        sync_directory(volume.records)
        sync_directory(volume.root)
    if plan.link:
        replace_link(volume.prod, f"staging/{plan.snapshot}")  # the commit point
    if plan.record:
        ledger_file.record(
            volume, ledger_file.PROMOTED, plan.snapshot, run=run, operator=operator, detail={"previous": plan.previous, "kind": kind}
        )
    close_intent(volume)


@dataclass(frozen=True)
class Undo:
    """What is to be done to take this run's promotion back."""

    failed: str  # the snapshot that was promoted by the run; empty: it promoted nothing
    restore: str  # what was live before; empty: nothing was, prod goes
    link: bool
    record: bool

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return self.link or self.record

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        if not self.link:
            return []
        return [f"point prod back at staging/{self.restore}" if self.restore else "remove prod: nothing was live before"]

    def diff(self) -> dict[str, str]:
        """Return where ``prod`` leads, before and after."""
        after = f"prod -> staging/{self.restore}\n" if self.restore else "prod: absent\n"
        return {"before": f"prod -> staging/{self.failed}\n" if self.link else after, "after": after}


def plan_undo(volume: Volume, run: str) -> Undo:
    """Plan the way back from a run's promotion, to the snapshot that its journal or ledger line names."""
    intent = read_intent(volume)
    promoted = read_ledger(volume).promotion(run)
    if intent is not None and intent.run == run:
        failed, restore = intent.snapshot, intent.previous
    elif promoted is not None:
        failed, restore = promoted.snapshot, str(promoted.detail["previous"])
    else:
        return Undo("", "", link=False, record=False)
    link = volume.live() == failed
    if link:
        faults = use_faults(volume.snapshot(failed)) if is_data_directory(volume.snapshot(failed)) else []
        faults = [fault for fault in faults if "process" in fault]
        if restore:
            faults += _faults(read_data_directory(volume.snapshot(restore)), None, dry=False)
        _refuse(volume.prod, faults)
    return Undo(failed, restore, link=link, record=link or promoted is not None)


def apply_undo(volume: Volume, plan: Undo, *, run: str, operator: str) -> None:
    """Point ``prod`` back, mark the snapshot as failed and close the journal."""
    if plan.link and plan.restore:
        replace_link(volume.prod, f"staging/{plan.restore}")
    elif plan.link:
        volume.prod.unlink()
        sync_directory(volume.root)
    if plan.record:
        ledger_file.record(
            volume, ledger_file.UNDONE, plan.failed, run=run, operator=operator, detail={"restored": plan.restore}
        )
    _finish_fresh(volume)
    close_intent(volume)


def _finish_fresh(volume: Volume) -> None:
    """Give the staging server its empty directory when a crash came between the two renames."""
    fresh = volume.records / "fresh"
    if fresh.is_dir() and not volume.ingest.exists():
        fresh.rename(volume.ingest)
        sync_directory(volume.root)


def previous_snapshot(volume: Volume) -> str:
    """Return what a rollback goes to: the newest snapshot that was live before the live one and did not fail.

    Raises:
        Refusal: there is none.
    """
    live, ledger, there = volume.live(), read_ledger(volume), set(volume.snapshots())
    seen_live = False
    for entry in reversed(ledger.entries):
        if entry.event != ledger_file.PROMOTED:
            continue
        if entry.snapshot == live and not seen_live:
            seen_live = True
            candidate = str(entry.detail["previous"])
            if candidate in there and not ledger.failed(candidate):
                return candidate
        elif entry.snapshot != live and entry.snapshot in there and not ledger.failed(entry.snapshot):
            return entry.snapshot
    kept = ", ".join(sorted(there - {live or ""})) or "none"
    raise Refusal(f"there is no earlier snapshot to go back to (others on the volume: {kept}); name one with reingest_snapshot")


def _faults(found: DataDirectory, reference: Optional[DataDirectory], *, dry: bool) -> list[str]:
    faults = structure_faults(found.path) + version_faults(found, reference)
    return faults if dry else faults + use_faults(found.path)


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        raise Refusal(f"{path} cannot be promoted: " + "; ".join(faults))


def _mount_faults(volume: Volume) -> list[str]:
    """Return which of the volume's directories are mounts of their own: a rename cannot cross them."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    mounts = {line.split()[4] for line in text.splitlines()}
    return [
        f"{path} is a mount of its own, a rename cannot cross it: mount the whole volume {volume.root} instead"
        for path in (volume.ingest, volume.staging)
        if str(path.resolve()) in mounts
    ]


def probe_rename(volume: Volume, rename: Callable[[Path, Path], object] = os.rename) -> None:
    """Try with an empty directory whether ``ingest/`` can be renamed into ``staging/``.

    Two bind mounts of one device, and two quota projects, share ``st_dev`` and still answer EXDEV: only a try tells.
    """
    make_directory(volume.staging, like=volume.root)
    probe, landed = volume.ingest / ".reingest-probe", volume.staging / ".reingest-probe"
    for left in (probe, landed):
        if left.is_dir():
            left.rmdir()
    probe.mkdir()
    try:
        rename(probe, landed)
        landed.rmdir()
    except OSError as error:
        probe.rmdir()
        if error.errno != errno.EXDEV:
            raise
        raise Refusal(
            f"{volume.ingest} cannot be renamed into {volume.staging}: they are different mounts or quota projects; "
            f"mount the whole volume {volume.root} as one"
        ) from None
