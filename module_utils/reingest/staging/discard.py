"""Start over after the machine went down under a load: the cluster in ``ingest/`` makes way for a new one."""

from __future__ import annotations

from dataclasses import dataclass

from ..engines.occupancy import occupancy_faults
from ..errors import Refusal
from ..fs.durable import make_own_directory
from ..fs.removal import remove_tree
from ..promotion.movable import mount_faults
from ..promotion.swap import heal_ingest, swap_out
from ..volume.layout import Volume
from ..volume.unsynced import clear_mark, is_lost

_NAME = "ingest"  # in the trash; no snapshot has such a name


@dataclass(frozen=True)
class Discard:
    """Whether the cluster in ``ingest/`` is to go."""

    changed: bool

    def did(self) -> list[str]:
        """Return the step as a sentence."""
        return (
            ["delete the load that the machine's end left incomplete, make a fresh ingest"]
            if self.changed
            else []
        )

    def diff(self) -> dict[str, str]:
        """Return what ``ingest/`` is, before and after."""
        if not self.changed:
            return {"before": "", "after": ""}
        return {"before": "ingest: a load that is not to be trusted\n", "after": "ingest: empty\n"}


def plan_discard(volume: Volume, *, dry: bool = False, exclusive: bool = False) -> Discard:
    """Plan it.

    Args:
        volume: the volume.
        dry: check mode: a stop of the server that comes before this step is taken as done.
        exclusive: whether the directory is declared to be nobody else's, where that cannot be seen.

    Raises:
        Refusal: the directory is in use, or whether it is cannot be seen, or it is a mount of its own.
    """
    if not is_lost(volume):
        return Discard(changed=False)
    faults = [] if dry else occupancy_faults(volume.ingest, exclusive=exclusive)
    faults += mount_faults(volume)
    if faults:
        raise Refusal(f"{volume.ingest} cannot be put aside: " + "; ".join(faults))
    return Discard(changed=True)


def apply_discard(volume: Volume) -> None:
    """Put the cluster out of sight and an empty directory in its place, then delete.

    What cannot be deleted, or is left by a run that dies then, goes with the next pruning.

    Raises:
        Refusal: what an earlier run put aside cannot be deleted.
    """
    make_own_directory(volume.records)
    make_own_directory(volume.trash)
    aside = volume.trash / _NAME
    if faults := remove_tree(aside).faults:  # left by a run that died here
        raise Refusal(f"{volume.ingest} cannot be put aside: {'; '.join(faults)}")
    heal_ingest(volume)
    swap_out(volume, aside)
    clear_mark(volume)
    remove_tree(aside)
