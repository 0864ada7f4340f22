"""Make a data directory the live one: planned from what is there, done in steps that are durable one by one.

The commit point is the rename of ``prod``. Before it the old snapshot is live, after it the new one; the
journal, written before the first change, says what was intended. What a run that died left half done is ended
by a recovery (``recover``) before anything else is planned.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Refusal
from ..fs.durable import make_own_directory, replace_link
from ..fs.no_follow import is_empty, is_folder
from ..fs.tree import sync_stopped
from ..postgres.datadir import DataDirectory, is_data_directory, read_data_directory
from ..volume.bad import refuse_bad
from ..volume.layout import Volume, live_snapshot
from ..volume.ledger import LOADED, ROLLBACK, Entry, Ledger, read_ledger
from ..volume.unsynced import is_lost
from .candidate import candidate_faults, load_faults, setting_and_wal_faults
from .configuration import differing_files
from .journal import Intent, close_intent, open_intent, place_of, read_intent
from .movable import ingest_mount_faults, mount_faults, probe_rename, staging_mount_faults
from .plans import Promotion
from .recovery import complete_promotion, is_load, write_promotion
from .swap import swap_out


def plan_promotion(
    volume: Volume,
    snapshot: str,
    *,
    loaded: str,
    dry: bool,
    run: str = "",
    exclusive: bool = False,
    copies: bool = False,
    force: bool = False,
) -> Promotion:
    """Plan the promotion of a snapshot, or of the load in ``ingest/``.

    Args:
        volume: the volume; nothing is half done there, or a recovery is about to end it (check mode).
        snapshot: the id to promote; empty: whatever load ``ingest/`` holds.
        loaded: the id of the load that this run made; ``ingest/`` must hold that one.
        dry: check mode: a load and a stop that come before this step are taken as done.
        run: the run's id; what it has promoted already stays promoted when it asks again.
        exclusive: whether the directories are declared to be nobody else's, where that cannot be seen.
        copies: check mode: a copy of a load that cannot be renamed comes before this step, and is taken as
            done.
        force: also a snapshot that is bad, or a load of what a rollback left for being bad.

    Raises:
        Refusal: with every fault that was found, or who marked it as bad.
    """
    copied = dry and copies and bool(ingest_mount_faults(volume))
    ground = _Ground(volume, read_ledger(volume), live_snapshot(volume), dry, exclusive, copied)
    ledger = ground.ledger
    wanted = snapshot or loaded or _begun(volume, ledger, run) or _at_hand(volume, ledger)
    if ground.live == wanted:
        return _already(ledger, wanted, run=run)
    if not force:
        refuse_bad(ledger, wanted)
    target = volume.snapshot(wanted)
    if is_folder(target) and not is_empty(target):
        return _plan_snapshot(ground, wanted)
    if dry and loaded and wanted == loaded:
        return _plan_coming_load(ground, wanted)
    _refuse_other_load(volume, ledger, wanted, named=bool(snapshot))
    return _plan_load(ground, wanted)


@dataclass(frozen=True)
class _Ground:
    """What a promotion is planned on."""

    volume: Volume
    ledger: Ledger
    live: str  # empty: nothing is
    dry: bool  # the servers, which run now, are taken as stopped
    exclusive: bool
    copied: bool  # a copy of the load into staging/ is taken as made

    def candidate_faults(self, found: DataDirectory) -> list[str]:
        """Return why a data directory must not become the live one."""
        return candidate_faults(self.volume, found, self.live, dry=self.dry, exclusive=self.exclusive)

    def load_faults(self, found: DataDirectory, entry: Entry | None) -> list[str]:
        """Return why a load must not be trusted to survive a power cut."""
        return load_faults(self.volume, found, self.live, entry=entry, dry=self.dry)

    def mount_faults(self) -> list[str]:
        """Return why ``ingest/`` cannot be brought into ``staging/``."""
        return staging_mount_faults(self.volume) if self.copied else mount_faults(self.volume)

    def promotion(self, wanted: str) -> Promotion:
        """Return the promotion of the load in ``ingest/``, or of its copy."""
        origin = "staging" if self.copied else "ingest"
        ingest = self.volume.ingest  # a dry run may find none yet: nobody knows what it will have
        files = differing_files(self.volume, self.live, ingest) if is_data_directory(ingest) else ()
        return Promotion(wanted, self.live, origin, move=not self.copied, link=True, record=True, files=files)


def _plan_snapshot(ground: _Ground, wanted: str) -> Promotion:
    """Plan the promotion of what lies in ``staging/``."""
    target = ground.volume.snapshot(wanted)
    found, entry = read_data_directory(target), ground.ledger.load(wanted)
    faults = ground.candidate_faults(found)
    files: tuple[str, ...] = ()
    if is_load(ground.ledger, wanted):
        faults += ground.load_faults(found, entry)
        files = differing_files(ground.volume, ground.live, target)
    _refuse(target, faults)
    return Promotion(wanted, ground.live, "staging", move=False, link=True, record=True, files=files)


def _plan_coming_load(ground: _Ground, wanted: str) -> Promotion:
    """Plan, in check mode, the promotion of the load that the run would make."""
    volume, faults = ground.volume, []
    if is_data_directory(volume.ingest) and not is_lost(volume):  # else the run makes a cluster first
        found = read_data_directory(volume.ingest)
        faults = ground.candidate_faults(found)
        faults += setting_and_wal_faults(volume, found, ground.live, dry=True)
    _refuse(volume.ingest, faults + ground.mount_faults())
    return ground.promotion(wanted)


def _plan_load(ground: _Ground, wanted: str) -> Promotion:
    """Plan the promotion of the load in ``ingest/``."""
    ingest = ground.volume.ingest
    found = read_data_directory(ingest)
    faults = ground.candidate_faults(found) + ground.mount_faults()
    faults += ground.load_faults(found, ground.ledger.load_of(found.system_identifier))
    _refuse(ingest, faults)
    return ground.promotion(wanted)


def loaded_snapshot(volume: Volume, ledger: Ledger) -> str:
    """Return the id of the finished load in ``ingest/``, found by the cluster's system identifier.

    Raises:
        Refusal: there is no data directory, or no finished load in it.
    """
    found = read_data_directory(volume.ingest)
    entry = ledger.load_of(found.system_identifier)
    if entry is None:
        raise Refusal(
            f"there is no load to promote: nothing was loaded to its end into {volume.ingest} since the last "
            "promotion; run load.yml, or name an earlier snapshot, -e reingest_snapshot=<id> (status.yml "
            "lists them)"
        )
    return entry.snapshot


def apply_promotion(
    volume: Volume,
    plan: Promotion,
    *,
    run: str,
    operator: str,
    kind: str,
    why: str = "",
    exclusive: bool = False,
) -> None:
    """Do what was planned, each step durable before the next; takes the same time for any size of the load.

    The order, and what is on disk before the next step begins:

    1. what the server wrote until its stop, and did not sync itself
    2. the journal
    3. ``ingest/`` is ``staging/<snapshot>``, an empty directory has its place: one exchange; both folders
    4. ``prod`` leads to the snapshot: one rename, the commit point; its folder
    5. a load has production's configuration, see ``take_over``; not before, since a load that goes back to
       ``ingest/`` needs its own
    6. the line in the ledger
    7. the journal is gone

    Args:
        volume: the volume.
        plan: what ``plan_promotion`` returned.
        run: the run's id.
        operator: who runs it.
        kind: ingest, promote or rollback.
        why: of a rollback: why the snapshot that is left is bad.
        exclusive: whether the directories are declared to be nobody else's, where that cannot be seen.

    Raises:
        Refusal: a rename cannot do it, or somebody came into one of the directories meanwhile.
    """
    make_own_directory(volume.records)
    target = volume.snapshot(plan.snapshot)
    if plan.move:
        probe_rename(volume)
        sync_stopped(volume.ingest)  # the load itself was synced when it was finalised
    source = volume.ingest if plan.move else target
    intent = Intent(run, operator, kind, plan.snapshot, plan.previous, plan.origin, place_of(source), why=why)
    if plan.move or plan.link:
        open_intent(volume, intent)
    if plan.move:
        swap_out(volume, target)
    if plan.link:
        found = read_data_directory(target)
        _refuse(target, candidate_faults(volume, found, plan.previous, dry=False, exclusive=exclusive))
        replace_link(volume.prod, f"staging/{plan.snapshot}")  # the commit point
        complete_promotion(volume, intent)
    else:
        write_promotion(volume, intent)
    close_intent(volume)


def previous_snapshot(volume: Volume, *, run: str = "") -> str:
    """Return what a rollback goes to: the last good snapshot that was live before the live one.

    Args:
        volume: the volume.
        run: the run's id; where it has rolled back already, the answer is the target of that: asked twice, a
            rollback goes back once.

    Raises:
        Refusal: there is none.
    """
    ledger, there = read_ledger(volume), set(volume.snapshots())
    done = ledger.promotion(run) if run else None
    if done is not None and done.detail.get("kind") == ROLLBACK:
        return done.snapshot
    live = live_snapshot(volume) or ledger.live()
    others = sorted(there - {live}, key=ledger.last_live, reverse=True)
    for snapshot in others:
        if ledger.good(snapshot):
            return snapshot
    kept = ", ".join(f"{name}{_shortcoming(ledger, name)}" for name in others) or "none"
    raise Refusal(
        f"there is no earlier good snapshot to go back to (others on the volume: {kept}); name one with "
        "reingest_snapshot"
    )


def _at_hand(volume: Volume, ledger: Ledger) -> str:
    """Return the load to promote where none is named: in ``ingest/``, or copied from it and not yet live."""
    there = set() if is_data_directory(volume.ingest) else set(volume.snapshots())
    for entry in reversed(ledger.entries):
        if entry.state != LOADED or entry.snapshot not in there:
            continue
        if not ledger.was_live(entry.snapshot) and not ledger.bad(entry.snapshot):
            return entry.snapshot
    return loaded_snapshot(volume, ledger)


def _shortcoming(ledger: Ledger, snapshot: str) -> str:
    if ledger.bad(snapshot):
        return f" (bad: {ledger.why_bad(snapshot)})"
    return "" if ledger.was_live(snapshot) else " (never live)"


def _begun(volume: Volume, ledger: Ledger, run: str) -> str:
    """Return what this run has promoted already, or, in check mode, what a recovery puts back first."""
    promoted = ledger.promotion(run) if run else None
    if promoted is not None:
        return promoted.snapshot
    began = read_intent(volume)
    return "" if began is None or is_data_directory(volume.ingest) else began.snapshot


def _already(ledger: Ledger, wanted: str, *, run: str) -> Promotion:
    """Plan what is left when the snapshot is live: its line in the ledger, where prod was linked by hand."""
    own = ledger.promotion(run) if run else None
    record = ledger.live() != wanted
    previous = ledger.live() if record else wanted
    if own is not None and own.snapshot == wanted:
        previous = str(own.detail["previous"])
    return Promotion(wanted, previous, "", move=False, link=False, record=record)


def _refuse_other_load(volume: Volume, ledger: Ledger, wanted: str, *, named: bool) -> None:
    """Refuse when ``ingest/`` does not hold the load that is to be promoted."""
    try:
        held = loaded_snapshot(volume, ledger)
    except Refusal as refusal:
        if not named:
            raise
        if ledger.pruned(wanted):
            raise Refusal(f"snapshot {wanted} was pruned: its directory is gone; name another one") from None
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
