"""A second proof, after the stop, that costs nothing: nobody wrote into production once its rows were taken.

A transaction that writes takes a number, and the last checkpoint of a server that was shut down has the next
one (``nextXid`` in ``src/include/catalog/pg_control.h``). Equal numbers prove it. Unequal ones prove nothing:
autovacuum takes numbers, too, and so do other databases.
"""

from __future__ import annotations

from pathlib import Path

from ..postgres.control import read_control
from ..volume.layout import Volume
from .record import carried_record, fence_record


def untouched(volume: Volume, directory: Path, run: str) -> str:
    """Return what is proven of the stopped server whose rows the run took; empty where it took none.

    Raises:
        Refusal: the directory is damaged, or a record is.
    """
    control = read_control(directory)
    fence = fence_record(volume, control.system_identifier).read()
    manifest = carried_record(volume, run).read() if fence is not None and fence.taken == run else None
    if manifest is None or manifest.server != control.system_identifier:
        return ""
    since = control.next_xid - int(manifest.xmax)
    if control.clean and since == 0:
        return "nobody wrote into production after the fence"
    numbers = "1 transaction number was" if since == 1 else f"{since} transaction numbers were"
    return (
        f"that nobody wrote into production after the fence is not proven by its control file: {numbers} "
        "taken since, by autovacuum or in another database"
    )
