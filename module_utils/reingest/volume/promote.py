"""Make a data directory the live one: planned from what is there, so that a run after a crash goes on.

The commit point is the rename of ``prod``. Before it the old snapshot is live, after it the new one; the
journal, written before the first change, says what was intended.
"""

from __future__ import annotations

from ..errors import Refusal
from ..postgres.datadir import (
    is_data_directory,
    processes_in,
    read_data_directory,
)
from . import ledger as ledger_file
from .durable import make_directory, replace_link, sync_directory
from .fresh import lacks_ingest, prepare_fresh, put_fresh
from .journal import Intent, close_intent, interrupted, open_intent, read_intent
from .layout import Volume
from .ledger import Ledger, read_ledger
from .movable import candidate_faults, load_faults, mount_faults, probe_rename, setting_and_wal_faults
from .plans import Promotion, Undo
from .record import record_of
from .tree import sync_stopped
from .unsynced import is_lost


def plan_promotion(volume: Volume, snapshot: str, *, loaded: str, dry: bool, run: str = "") -> Promotion:
    """Plan the promotion of a snapshot, or of the load in ``ingest/``.

    Args:
        volume: the volume.
        snapshot: the id to promote; empty: whatever load ``ingest/`` holds, or the one that an interrupted
            promotion has moved out of it.
        loaded: the id of the load that this run made; ``ingest/`` must hold that one.
        dry: check mode: a load and a stop that come before this step are taken as done.
        run: the run's id; what it has promoted already stays promoted when it asks again.

    Raises:
        Refusal: with every fault that was found.
    """
    ledger = read_ledger(volume)
    live = _live(volume)
    wanted = snapshot or loaded or _begun(volume, ledger, run) or loaded_snapshot(volume, ledger)
    fresh = lacks_ingest(volume)
    target = volume.snapshot(wanted)
    if live == wanted:
        return _already(volume, ledger, wanted, run=run, fresh=fresh)
    if target.is_dir():
        found, entry = read_data_directory(target), ledger.load(wanted)
        faults = candidate_faults(volume, found, live, dry=dry)
        if record_of(entry) is not None and not ledger.promoted(wanted):
            # Moved out of ingest/ by a run that died then; one that has served is no load any more.
            faults += load_faults(volume, found, live, entry=entry, dry=dry)
        _refuse(target, faults)
        return Promotion(wanted, live, "staging", found.system_identifier, False, True, True, fresh)
    if dry and loaded and wanted == loaded:
        there = []
        if is_data_directory(volume.ingest) and not is_lost(volume):  # else the run makes a cluster first
            found = read_data_directory(volume.ingest)
            there = candidate_faults(volume, found, live, dry=True)
            there += setting_and_wal_faults(volume, found, live, dry=True)
        _refuse(volume.ingest, there + mount_faults(volume))
        return Promotion(wanted, live, "ingest", "", move=True, link=True, record=True)
    _refuse_other_load(volume, ledger, wanted, named=bool(snapshot))
    found = read_data_directory(volume.ingest)
    faults = candidate_faults(volume, found, live, dry=dry) + mount_faults(volume)
    faults += load_faults(volume, found, live, entry=ledger.load_of(found.system_identifier), dry=dry)
    _refuse(volume.ingest, faults)
    return Promotion(wanted, live, "ingest", found.system_identifier, move=True, link=True, record=True)


def loaded_snapshot(volume: Volume, ledger: Ledger) -> str:
    """Return the id of the finished load in ``ingest/``, found by the cluster's system identifier.

    Raises:
        Refusal: there is no data directory, or no finished load in it.
    """
    found = read_data_directory(volume.ingest)
    entry = ledger.load_of(found.system_identifier)
    if entry is None:
        raise Refusal(
            f"{volume.ingest} holds no finished load (the ledger has no line for system identifier "
            f"{found.system_identifier}): run load.yml, or name an earlier snapshot with reingest_snapshot"
        )
    return entry.snapshot


def apply_promotion(volume: Volume, plan: Promotion, *, run: str, operator: str, kind: str) -> None:
    """Do what was planned, each step durable before the next; takes the same time for any size of the load.

    What another start of the same verb has done since the plan was made is not done again.
    """
    make_directory(volume.records, like=volume.root)
    put_fresh(volume)
    ledger = read_ledger(volume)
    began = interrupted(volume, ledger)
    if began is not None and began.snapshot != plan.snapshot and began.snapshot == _live(volume):
        _record_promotion(volume, began)  # that run got past its commit point, and died before it said so
    target = volume.snapshot(plan.snapshot)
    move = plan.move and not target.is_dir()
    link = plan.link and _live(volume) != plan.snapshot
    if move:
        probe_rename(volume)
    intent = Intent(run, operator, plan.snapshot, plan.previous, plan.origin, plan.system_identifier, kind)
    if move or link:
        open_intent(volume, intent)
    if move:
        sync_stopped(volume.ingest)  # the load itself was synced when it was finalised
        prepare_fresh(volume)
        volume.ingest.rename(target)
        sync_directory(volume.staging)
        put_fresh(volume)
    if link:
        replace_link(volume.prod, f"staging/{plan.snapshot}")  # the commit point
    if plan.record and (move or link or ledger.live() != plan.snapshot):
        _record_promotion(volume, intent)
    close_intent(volume)


def plan_undo(volume: Volume, run: str) -> Undo:
    """Plan the way back from a run's promotion, to the snapshot that its journal or ledger line names.

    A run that has promoted nothing has nothing to take back; it only heals what another one left.

    Raises:
        Refusal: a process works in the snapshot that failed, or the one before it could not serve.
    """
    ledger = read_ledger(volume)
    intent, promoted = read_intent(volume), ledger.promotion(run)
    fresh = lacks_ingest(volume)
    own = intent is not None and intent.run == run
    if intent is not None and own and not ledger.undone(run, intent.snapshot):
        failed, restore = intent.snapshot, intent.previous
    elif promoted is not None:
        failed, restore = promoted.snapshot, str(promoted.detail["previous"])
    else:
        return Undo("", "", link=False, record=False, fresh=fresh, close=own)
    link = _live(volume) == failed
    if link:
        faults = [
            f"process {pid} works in it: stop it first" for pid in processes_in(volume.snapshot(failed))
        ]
        if restore:
            found = read_data_directory(volume.snapshot(restore))
            faults += candidate_faults(volume, found, "", dry=False)
        _refuse(volume.snapshot(restore) if restore else volume.prod, faults)
    return Undo(failed, restore, link, link or promoted is not None, fresh, own)


def apply_undo(volume: Volume, plan: Undo, *, run: str, operator: str) -> None:
    """Point ``prod`` back, mark the snapshot as failed and close the journal."""
    put_fresh(volume)
    ledger = read_ledger(volume)
    if plan.link and _live(volume) == plan.failed:
        intent = read_intent(volume)
        if intent is not None and ledger.promotion(run) is None:
            _record_promotion(volume, intent)  # so that an undo that dies here is gone on with
        if plan.restore:
            replace_link(volume.prod, f"staging/{plan.restore}")
        else:
            volume.prod.unlink()
            sync_directory(volume.root)
    if plan.record and not ledger.undone(run, plan.failed):
        detail = {"restored": plan.restore}
        ledger_file.record(volume, ledger_file.UNDONE, plan.failed, run=run, operator=operator, detail=detail)
    if plan.close:
        close_intent(volume)


def previous_snapshot(volume: Volume, *, run: str = "") -> str:
    """Return what a rollback goes to: the newest snapshot that was live before the live one and did not fail.

    Args:
        volume: the volume.
        run: the run's id; where it has rolled back already, or another run's rollback was interrupted, the
            answer is the target of that one: asked twice, a rollback goes back once.

    Raises:
        Refusal: there is none.
    """
    ledger, there = read_ledger(volume), set(volume.snapshots())
    began, done = interrupted(volume, ledger), ledger.promotion(run) if run else None
    if began is not None and began.kind == ledger_file.ROLLBACK:
        return began.snapshot
    if done is not None and done.detail.get("kind") == ledger_file.ROLLBACK:
        return done.snapshot
    live = _live(volume) or ledger.live()
    if began is not None and began.snapshot == live and began.previous in there:
        return began.previous
    seen_live = False
    for entry in reversed(ledger.entries):
        if entry.event != ledger_file.PROMOTED:
            continue
        if entry.snapshot == live and not seen_live:
            seen_live = True
            candidate = str(entry.detail["previous"])
            if candidate in there and candidate != live and not ledger.failed(candidate):
                return candidate
        elif entry.snapshot != live and entry.snapshot in there and not ledger.failed(entry.snapshot):
            return entry.snapshot
    kept = ", ".join(sorted(there - {live})) or "none"
    raise Refusal(
        f"there is no earlier snapshot to go back to (others on the volume: {kept}); name one with "
        "reingest_snapshot"
    )


def _live(volume: Volume) -> str:
    """Return the live snapshot; empty when there is none, or prod leads to nothing."""
    return "" if volume.dangles() else volume.live() or ""


def _begun(volume: Volume, ledger: Ledger, run: str) -> str:
    """Return what this run has promoted already, or an interrupted one has moved out of ``ingest/``."""
    promoted = ledger.promotion(run) if run else None
    if promoted is not None:
        return promoted.snapshot
    began = interrupted(volume, ledger)
    if began is None or is_data_directory(volume.ingest) or not volume.snapshot(began.snapshot).is_dir():
        return ""
    return began.snapshot


def _already(volume: Volume, ledger: Ledger, wanted: str, *, run: str, fresh: bool) -> Promotion:
    """Plan what is left when the snapshot is live: its line in the ledger, where a crash came before it."""
    began = interrupted(volume, ledger)
    committed = began is not None and began.snapshot == wanted
    record = ledger.live() != wanted and (committed or ledger.load(wanted) is not None)
    own = ledger.promotion(run) if run else None
    previous = wanted
    if began is not None and committed:
        previous = began.previous
    elif record:
        previous = ledger.live()
    elif own is not None and own.snapshot == wanted:
        previous = str(own.detail["previous"])
    return Promotion(wanted, previous, "", "", move=False, link=False, record=record, fresh=fresh)


def _record_promotion(volume: Volume, intent: Intent) -> None:
    ledger_file.record(
        volume,
        ledger_file.PROMOTED,
        intent.snapshot,
        run=intent.run,
        operator=intent.operator,
        detail={"previous": intent.previous, "kind": intent.kind},
    )


def _refuse_other_load(volume: Volume, ledger: Ledger, wanted: str, *, named: bool) -> None:
    """Refuse when ``ingest/`` does not hold the load that is to be promoted."""
    try:
        held = loaded_snapshot(volume, ledger)
    except Refusal as refusal:
        if not named:
            raise
        there = ", ".join(volume.snapshots()) or "none"
        raise Refusal(
            f"there is no snapshot {wanted} in {volume.staging} (there are: {there}); {refusal}"
        ) from None
    if held != wanted:
        raise Refusal(
            f"there is no snapshot {wanted} in {volume.staging}, and {volume.ingest} holds the load {held}: "
            "load again, or name a snapshot that is there with reingest_snapshot"
        )


def _refuse(path: object, faults: list[str]) -> None:
    if faults:
        raise Refusal(f"{path} cannot be promoted: " + "; ".join(faults))
