"""Snapshots on their way out: moved aside by one rename each, written down as pruned, then deleted.

What is to go is written down, durably, before the first rename. A pruning whose run died after it is resumed
by the next: what came into the trash gets its line and is deleted, what did not stays a snapshot like any
other.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

from ..engines.occupancy import occupants
from ..errors import Refusal
from ..fs.durable import make_own_directory, sync_directory
from ..fs.no_follow import is_folder, is_there
from ..fs.rename import rename
from ..volume import ledger as ledger_file
from ..volume.layout import Volume
from .leaving import Leaving, leaving_record, read_leaving


def put_aside(volume: Volume, why: Mapping[str, str], *, run: str, operator: str) -> None:
    """Move snapshots into the trash and write down that they are gone.

    Args:
        volume: the volume; what was begun before is written down to its end.
        why: the snapshots, each with why it goes.
        run: the run's id.
        operator: who runs it.

    Raises:
        Refusal: ``staging/`` is another mount than the volume.
    """
    make_own_directory(volume.records)
    make_own_directory(volume.trash)
    names = {name: _free_name(volume, name) for name in why}
    leaving_record(volume).write(Leaving(run, operator, names, why))
    try:
        for name, target in names.items():
            rename(volume.snapshot(name), volume.trash / target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise Refusal(
            f"{volume.staging} and {volume.trash} are different mounts, no snapshot can be moved out of the "
            f"way before it is deleted: mount the whole volume {volume.root} as one"
        ) from None
    settle(volume, run=run, operator=operator)


def settle(volume: Volume, *, run: str, operator: str) -> None:
    """Write down what a pruning moved aside; put back what somebody came into meanwhile.

    Args:
        volume: the volume; where no pruning was begun, nothing is done.
        run: this run, where nobody can tell whose the pruning was.
        operator: who runs it, for the same.
    """
    leaving = read_leaving(volume)
    if leaving is None:
        return
    ledger = ledger_file.read_ledger(volume)
    moved = {
        name: target
        for name, target in leaving.snapshots.items()
        if is_there(volume.trash / target) and not is_there(volume.snapshot(name)) and not ledger.pruned(name)
    }
    for name, target in moved.items():
        if occupants(volume.trash / target):  # nothing of it is deleted before its line is written
            rename(volume.trash / target, volume.snapshot(name))
    for folder in (volume.trash, volume.staging):
        if is_folder(folder):
            sync_directory(folder)
    for name in moved:
        if not is_there(volume.snapshot(name)):
            ledger_file.append(
                volume,
                ledger_file.PRUNED,
                name,
                run=leaving.run or run,
                operator=leaving.operator or operator,
                why=leaving.why.get(name, ""),
            )
    leaving_record(volume).remove()


def _free_name(volume: Volume, name: str) -> str:
    """Return a name in the trash; the snapshot's own may be that of one that could not be deleted."""
    names = (name, *(f"{name}~{number}" for number in range(2, 1000)))
    return next(one for one in names if not is_there(volume.trash / one))
