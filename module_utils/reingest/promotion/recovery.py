"""Bring the volume to where it belongs after a run that died, or that found its switch to have failed.

**The rename of ``prod`` is the commit point.** Before it recovery goes back: the load returns to ``ingest/``,
``prod`` was never touched. After it recovery goes forward: what was left is written down. Only a promotion
that was found to have failed is taken back after its commit point; an undo, once begun, is always finished.

What was done is determined from inodes and system identifiers, never from the last line of a log. Every step
can be done again, so a recovery that dies is resumed by the next one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..engines.occupancy import occupants
from ..errors import Refusal
from ..fs.durable import clear_staged, remove_empty, replace_link, staged_name, sync_directory, unlink
from ..fs.no_follow import is_empty, is_folder, is_there
from ..postgres.datadir import read_data_directory
from ..volume import ledger as ledger_file
from ..volume.layout import Volume, live_snapshot
from ..volume.ledger import Ledger, readable_ledger
from .candidate import candidate_faults
from .configuration import take_over
from .finalised import record_of
from .journal import (
    UNDO,
    DamagedJournal,
    Intent,
    close_intent,
    lies_at,
    open_intent,
    place_of,
    put_aside,
    read_intent,
)
from .plans import Recovery
from .swap import heal_ingest, swap_back


def plan_recovery(volume: Volume, *, failed: str = "", run: str = "", dry: bool = False) -> Recovery:
    """Plan it.

    Args:
        volume: the volume.
        failed: why the switch of ``run`` is taken back also after its commit point; empty: it is not.
        run: the run whose switch failed.
        dry: check mode: a stop of the servers that comes before this step is taken as done.

    Raises:
        Refusal: the snapshot to go back to could not serve, a directory that must move is in use, or the
            journal is of a later version.
    """
    ledger = readable_ledger(volume)
    try:
        intent, damaged = read_intent(volume), False
    except DamagedJournal:
        intent, damaged = None, True
    try:
        live = live_snapshot(volume)
    except Refusal:
        if intent is not None:
            raise
        live = ""  # prod was made by something else: an adoption, or a person, looks into that
    found = Recovery(live, live, intent, damaged, heal=is_folder(volume.fresh))
    if intent is not None and intent.kind == UNDO:
        return _back(volume, found, intent, dry=dry)
    if intent is not None and _committed(volume, intent, live):
        forward = replace(found, forward=True)
        return _back(volume, forward, _undoing(intent, failed), dry=dry) if failed else forward
    if intent is not None:
        return _given_up(volume, found, intent, dry=dry)
    promoted = _promotion_of(volume, ledger, run) if failed else None
    if promoted is not None and promoted.snapshot == live:
        return _back(volume, found, _undoing(promoted, failed), dry=dry)
    return found


def apply_recovery(volume: Volume, plan: Recovery, *, run: str, operator: str) -> None:
    """Do what was planned, each step durable before the next.

    Args:
        volume: the volume.
        plan: what ``plan_recovery`` returned.
        run: the run that recovers, for the lines of an undo.
        operator: who runs it, for the same.

    Raises:
        Refusal: a directory that must move is in use.
    """
    if plan.damaged:
        put_aside(volume)
    if plan.forward and plan.intent is not None:
        sync_directory(volume.root)  # the run may have died before it
        if plan.failed is None:
            complete_promotion(volume, plan.intent)
        else:
            write_promotion(volume, plan.intent)
    if plan.failed is not None:
        _take_back(volume, plan, plan.failed, run=run, operator=operator)
    elif plan.intent is not None and not plan.forward:
        target = volume.snapshot(plan.intent.snapshot)
        if plan.swap and lies_at(plan.intent.place, target):
            swap_back(volume, target)
        else:
            _clear(target, staged_name(target))
    clear_staged(volume.prod)
    heal_ingest(volume)
    close_intent(volume)


def is_load(ledger: Ledger, snapshot: str) -> bool:
    """Return whether a snapshot is a load that never served: one that has served is no load any more."""
    return record_of(ledger.load(snapshot)) is not None and not ledger.was_live(snapshot)


def complete_promotion(volume: Volume, intent: Intent) -> None:
    """Do what comes after the rename of ``prod``: production's files for a load, and the ledger's line.

    Raises:
        Refusal: a file of production's cannot be taken over.
    """
    if is_load(readable_ledger(volume), intent.snapshot):
        take_over(volume, intent.previous, volume.snapshot(intent.snapshot))
    write_promotion(volume, intent)


def write_promotion(volume: Volume, intent: Intent) -> None:
    """Write into the ledger what the rename of ``prod`` has made true, where it is not there yet."""
    ledger = readable_ledger(volume)
    run, operator = intent.run, intent.operator
    if ledger.live() != intent.snapshot:
        detail = {"previous": intent.previous, "kind": intent.kind}
        ledger_file.append(
            volume, ledger_file.LIVE, intent.snapshot, run=run, operator=operator, detail=detail
        )
    left = intent.previous if intent.kind == ledger_file.ROLLBACK else ""
    if left and left != intent.snapshot and not ledger.bad(left):
        why = intent.why or f"rolled back to {intent.snapshot}"
        ledger_file.append(volume, ledger_file.BAD, left, run=run, operator=operator, why=why)


def _committed(volume: Volume, intent: Intent, live: str) -> bool:
    """Return whether ``prod`` leads to the very directory that was to become the live one."""
    return live == intent.snapshot and lies_at(intent.place, volume.snapshot(live))


def _given_up(volume: Volume, found: Recovery, intent: Intent, *, dry: bool) -> Recovery:
    target = volume.snapshot(intent.snapshot)
    moved = intent.origin == "ingest" and lies_at(intent.place, target)
    room = not is_there(volume.ingest) or is_empty(volume.ingest)  # else a server made a cluster there since
    swap = moved and room
    if swap and not dry:
        _refuse_used(target)
    clear = intent.origin == "ingest" and not moved and is_folder(target) and is_empty(target)
    return replace(found, swap=swap, clear=clear)


def _back(volume: Volume, found: Recovery, undo: Intent, *, dry: bool) -> Recovery:
    """Plan to take a promotion back after its commit point."""
    link = found.before == undo.snapshot != undo.previous
    if link and not dry:
        _refuse_used(volume.snapshot(undo.snapshot))
    if link and undo.previous:
        restore = volume.snapshot(undo.previous)
        # Where others cannot be seen, the promotion that is taken back was made with exclusive.
        faults = candidate_faults(volume, read_data_directory(restore), "", dry=dry, exclusive=True)
        if faults:
            raise Refusal(f"{restore} cannot be promoted: " + "; ".join(faults))
    return replace(found, live=undo.previous if link else found.live, failed=undo, link=link)


def _take_back(volume: Volume, plan: Recovery, undo: Intent, *, run: str, operator: str) -> None:
    if plan.intent is None or plan.intent.kind != UNDO:
        open_intent(volume, undo)
    if plan.link and live_snapshot(volume) == undo.snapshot:
        if undo.previous:
            replace_link(volume.prod, f"staging/{undo.previous}")
        else:
            unlink(volume.prod)
            sync_directory(volume.root)
    if not readable_ledger(volume).bad(undo.snapshot):
        detail = {"restored": undo.previous}
        ledger_file.append(
            volume, ledger_file.BAD, undo.snapshot, run=run, operator=operator, why=undo.why, detail=detail
        )


def _clear(*paths: Path) -> None:
    """Take away the empty directories of a move that was not made."""
    for path in paths:
        if is_folder(path) and is_empty(path):
            remove_empty(path)
            sync_directory(path.parent)


def _undoing(intent: Intent, why: str) -> Intent:
    return replace(intent, kind=UNDO, why=why)


def _promotion_of(volume: Volume, ledger: Ledger, run: str) -> Intent | None:
    """Return the promotion that a run has made and that still stands."""
    entry = ledger.promotion(run)
    if entry is None or not is_folder(volume.snapshot(entry.snapshot)):
        return None
    return Intent(
        run,
        entry.operator,
        str(entry.detail["kind"]),
        entry.snapshot,
        str(entry.detail["previous"]),
        "staging",
        place_of(volume.snapshot(entry.snapshot)),
    )


def _refuse_used(path: Path) -> None:
    users = occupants(path)
    if users:
        raise Refusal(f"{path} cannot be moved: {'; '.join(users)}: stop that first")
