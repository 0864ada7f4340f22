"""What is deleted before a load, so that it has the room that it needs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ..engines.occupancy import refuse_occupied
from ..errors import Refusal
from ..fs.sizes import shown_bytes
from ..volume.layout import Volume
from ..volume.ledger import read_ledger
from .forecast import Forecast, forecast
from .prune import Pruning, freed_by, stand, until
from .rules import Rules


def plan_room(
    volume: Volume,
    *,
    keep: int,
    keep_days: int,
    min_free: int,
    free: int,
    now: datetime,
    exclusive: bool = False,
    lost: Collection[str] = (),
) -> Pruning:
    """Decide what is deleted before a load, so that it has its room: only where it has not, and no more.

    Args:
        volume: the volume.
        keep: how many earlier snapshots stay beside the live one, as long as there is room.
        keep_days: younger snapshots stay.
        min_free: bytes that must be free in any case.
        free: bytes that are free.
        now: the time.
        exclusive: whether the snapshots are declared to be nobody else's, where that cannot be seen.
        lost: the snapshots whose users' rows somebody accepted to lose.

    Raises:
        Refusal: less would be free even then; nothing is deleted.
    """
    standing = stand(volume, Rules(keep, keep_days, lost=tuple(lost)), now=now)
    told = forecast(volume, read_ledger(volume), volume.live() or "")
    wanted = max(min_free, told.need)
    if free >= wanted:
        return Pruning(standing.without(()).keep, (), (), standing.without(()).why)
    trash = standing.without(())
    short = wanted - free - freed_by(volume, trash)
    going = until(volume, [*standing.goes(), *standing.yields()], short)
    plan = standing.without(going, room="it makes room for the next load")
    freed = freed_by(volume, plan)
    if free + freed < wanted:
        raise Refusal(_too_little(volume, plan, told, free=free, freed=freed, min_free=min_free))
    for name in going:
        refuse_occupied(volume.snapshot(name), exclusive=exclusive)
    return plan


def _too_little(
    volume: Volume, plan: Pruning, told: Forecast, *, free: int, freed: int, min_free: int
) -> str:
    stays = "; ".join(f"{name}: {plan.why[name]}" for name in plan.keep) or "none"
    pruned = f", and pruning would free no more than {shown_bytes(freed)}" if freed else ", none to prune"
    return (
        f"{volume.root} has {shown_bytes(free)} free{pruned}, the next load needs "
        f"{shown_bytes(max(min_free, told.need))} ({told.how}; reingest_min_free {shown_bytes(min_free)}): "
        f"nothing was loaded or deleted. Enlarge the volume, unpin a snapshot (pin.yml), or lower "
        f"reingest_keep_days; these stay: {stays}"
    )
