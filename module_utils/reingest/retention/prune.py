"""Delete the snapshots that retention permits deleting, and where space is short further ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ..disclosure.command_line import accepting
from ..engines.occupancy import occupants, refuse_occupied
from ..errors import Refusal
from ..fs.mounts import mounts
from ..fs.no_follow import is_folder
from ..fs.removal import Removal, remove_tree
from ..fs.sizes import measure
from ..postgres.control import read_control
from ..promotion.journal import read_intent
from ..volume.layout import Volume
from ..volume.ledger import Ledger, read_ledger
from ..volume.unsaved import let_go, unsaved
from .leaving import leftovers, read_leaving, snapshot_of
from .rules import Rules, Verdict, judge, last_good
from .trash import put_aside, settle


@dataclass(frozen=True)
class Pruning:
    """Which snapshots stay and which go, oldest first."""

    keep: tuple[str, ...]
    delete: tuple[str, ...]
    leftovers: tuple[str, ...]  # deletions that a crash, or a file that could not be deleted, left
    why: Mapping[str, str] = field(default_factory=dict)  # of each snapshot why it stays, or why it goes
    unsettled: bool = False  # a crash left a pruning that is not written down to its end

    @property
    def changed(self) -> bool:
        """Whether anything is to be deleted."""
        return bool(self.delete or self.leftovers or self.unsettled)

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        told = [
            f"delete snapshot {name}" if snapshot_of(name) else "delete the load that a start over put aside"
            for name in self.leftovers
        ]
        if self.unsettled and not told:
            told = ["write down a pruning that was cut short"]
        return told + [f"delete snapshot {name}: {self.why[name]}" for name in self.delete]

    def diff(self) -> dict[str, str]:
        """Return the snapshots before and after, each with why it stays or goes."""
        before = [*(snapshot_of(name) or name for name in self.leftovers), *self.delete, *self.keep]
        after = [f"{name}: {self.why[name]}" if name in self.why else name for name in self.keep]
        return {
            "before": "".join(f"{name}\n" for name in before),
            "after": "".join(f"{line}\n" for line in after),
        }


@dataclass(frozen=True)
class Standing:
    """What there is to decide about: the verdicts, and what is short."""

    verdicts: tuple[Verdict, ...]
    leftovers: tuple[str, ...]
    unsettled: bool

    def goes(self) -> list[str]:
        """Return what the rules permit deleting, oldest first."""
        return [one.snapshot for one in self.verdicts if one.goes]

    def yields(self) -> list[str]:
        """Return what gives way where space is short: what failed first, then the oldest."""
        ordered = sorted(self.verdicts, key=lambda one: not one.failed)
        return [one.snapshot for one in ordered if one.yields]

    def without(self, going: Sequence[str], *, room: str = "") -> Pruning:
        """Return the plan that lets these go; those that give way do so for ``room``."""
        why = {one.snapshot: one.why for one in self.verdicts}
        why.update({name: room for name in self.yields() if name in going})
        names = [one.snapshot for one in self.verdicts]
        return Pruning(
            tuple(name for name in names if name not in going),
            tuple(name for name in names if name in going),
            self.leftovers,
            why,
            self.unsettled,
        )


def stand(volume: Volume, rules: Rules, *, now: datetime, promoting: str = "") -> Standing:
    """Judge what is on the volume.

    The live snapshot, the one that a rollback would go to, the pinned ones, those that an open journal names
    or that are in use, and those that the ledger does not know are untouchable. So are the young ones.

    Args:
        volume: the volume.
        rules: the retention rules.
        now: the time.
        promoting: check mode: the snapshot that this run makes live, which is not there yet.

    Raises:
        Refusal: ledger, journal or ``prod`` are not in order, so that nothing can be decided.
    """
    ledger, live, intent = read_ledger(volume), promoting or volume.live() or "", read_intent(volume)
    there = volume.snapshots()
    begun = (intent.snapshot, intent.previous) if intent is not None else ()
    way_back = last_good(ledger, there, live)
    serving = (live,) if promoting else (live, ledger.live())
    verdicts = [
        _looked_at(volume, ledger, one, begun=begun, live=live, lost=rules.lost)
        for one in judge(ledger, there, rules, serving=serving, way_back=way_back, now=now)
    ]
    return Standing(tuple(verdicts), leftovers(volume), read_leaving(volume) is not None)


def plan_pruning(
    volume: Volume,
    *,
    keep: int,
    keep_days: int,
    min_free: int,
    free: int,
    now: datetime,
    promoting: str = "",
    exclusive: bool = False,
    lost: Collection[str] = (),
) -> Pruning:
    """Decide what goes.

    Of the snapshots that are not untouchable (see ``stand``) the ``keep`` that were live last stay. What
    failed, or never was proven to serve, does not count; it stays until a newer one is good. Where less than
    ``min_free`` bytes would be free, these give way, what failed and the oldest first, as far as is needed.

    Args:
        volume: the volume.
        keep: how many earlier snapshots stay beside the live one (at least 1: the way back).
        keep_days: younger snapshots stay whatever their number.
        min_free: bytes that should be free.
        free: bytes that are free.
        now: the time.
        promoting: check mode: the snapshot that this run makes live, which is not there yet.
        exclusive: whether the snapshots are declared to be nobody else's, where that cannot be seen.
        lost: the snapshots whose users' rows somebody accepted to lose.

    Raises:
        Refusal: there would be no way back, or whether a snapshot is in use cannot be seen.
    """
    standing = stand(volume, Rules(keep, keep_days, lost=tuple(lost)), now=now, promoting=promoting)
    going = standing.goes()
    if free < min_free:
        short = min_free - free - _freed(volume, standing.leftovers, going)
        going += until(volume, standing.yields(), short)
    for name in going:
        refuse_occupied(volume.snapshot(name), exclusive=exclusive)
    return standing.without(going, room="it gives way to reingest_min_free")


def until(volume: Volume, names: Sequence[str], short: int) -> list[str]:
    """Return as many snapshots, in their order, as it takes to free that many bytes; all, if need be."""
    taken = []
    for name in names:
        if short <= 0:
            break
        taken.append(name)
        short -= measure(volume.snapshot(name)).freed
    return taken


def apply_pruning(
    volume: Volume, plan: Pruning, *, run: str, operator: str, exclusive: bool = False
) -> Removal:
    """Delete: each snapshot leaves ``staging/`` by one rename first, so that none is ever half there.

    Args:
        volume: the volume.
        plan: what was planned.
        run: the run's id.
        operator: who runs it.
        exclusive: whether the snapshots are declared to be nobody else's, where that cannot be seen.

    Returns:
        How many names were deleted, and what could not be; that stays in the trash for the next pruning.

    Raises:
        Refusal: a snapshot that was to go is in use, or whether it is cannot be seen; nothing was deleted.
    """
    settle(volume, run=run, operator=operator)
    going = [name for name in plan.delete if is_folder(volume.snapshot(name))]
    for name in going:
        refuse_occupied(volume.snapshot(name), exclusive=exclusive)
    if going:
        put_aside(volume, {name: plan.why.get(name, "") for name in going}, run=run, operator=operator)
        for name in going:
            let_go(volume, name)
    done = Removal()
    for name in leftovers(volume):
        users = occupants(volume.trash / name)
        if users:
            done.fault(f"{volume.trash / name} is in use ({'; '.join(users)}): it was left as it is")
        else:
            done.add(remove_tree(volume.trash / name))
    return done


def freed_by(volume: Volume, plan: Pruning) -> int:
    """Return how many bytes a plan frees."""
    return _freed(volume, plan.leftovers, plan.delete)


def _freed(volume: Volume, trash: Sequence[str], going: Sequence[str]) -> int:
    paths = [*(volume.trash / name for name in trash), *(volume.snapshot(name) for name in going)]
    return sum(measure(path).freed for path in paths)


def _looked_at(
    volume: Volume,
    ledger: Ledger,
    verdict: Verdict,
    *,
    begun: Sequence[str],
    live: str,
    lost: Collection[str],
) -> Verdict:
    """Return the verdict on a snapshot, seen also where it lies: what is there may make it untouchable."""
    if not (verdict.goes or verdict.yields):
        return verdict
    name, path = verdict.snapshot, volume.snapshot(verdict.snapshot)
    if not live:
        return _stays(verdict, "nothing is live")
    if name in begun:
        return _stays(verdict, "a promotion that was not ended names it")
    held = None if name in lost else unsaved(volume, name)
    if held is not None:
        way = accepting([f"rows:{name}"])
        why = f"users' rows are nowhere else ({held.why}): {way} accepts losing them"
        return _stays(verdict, why)
    if _is_another(ledger, name, path):
        return _stays(verdict, "it holds another cluster than the ledger knows by this id")
    mounted = [str(one.point) for one in mounts().table.values() if path.resolve() in one.point.parents]
    if mounted:
        return _stays(verdict, f"a file system is mounted in it, at {mounted[0]}: unmount it")
    users = occupants(path)
    return _stays(verdict, f"in use: {'; '.join(users)}") if users else verdict


def _stays(verdict: Verdict, why: str) -> Verdict:
    return Verdict(verdict.snapshot, why, failed=verdict.failed)


def _is_another(ledger: Ledger, name: str, path: Path) -> bool:
    """Return whether another cluster than the one that was loaded lies under a snapshot's id."""
    entry = ledger.load(name)
    known = entry.detail.get("system_identifier") if entry is not None else None
    try:
        return bool(known) and read_control(path).system_identifier != known
    except (Refusal, OSError):
        return False  # damaged, and no less to go
