"""The fence of a load that is copied to where it is promoted: it serves fenced until it has its users' rows.

Nobody can put rows into a load whose server is stopped, and production is not fenced for hours of copying. So
the load itself is fenced, in the staging server, before that is stopped: the fence lies on its disk, the copy
has it too, and ``give_back`` opens that once users' rows are in it.
"""

from __future__ import annotations

from contextlib import ExitStack, closing

from ..errors import Refusal
from ..load.script import refused
from ..postgres.session import pinned
from ..volume.layout import Volume
from ..volume.lock import now_text
from ..volume.server_id import server_in
from .catalogue import read_contract
from .databases import read_databases
from .fence import Ended, Patience, control_session, identifier_of, is_fenced
from .fenced import control_of, fenced
from .record import Fenced, OtherFence, fence_in, fence_record
from .renaming import open_all


def fence_load(
    volume: Volume, login: str, database: str, *, run: str, patience: Patience
) -> tuple[Ended, ...]:
    """Fence the load, which the staging server has still; what it is to get is written down with that.

    Args:
        volume: the volume.
        login: a superuser's connection string of the staging server.
        database: the load's database.
        run: the run that copies it.
        patience: how long sessions are waited for.

    Returns:
        The sessions that were ended.

    Raises:
        Refusal: it cannot be fenced; it is open then.
    """
    with refused("fencing the load", "the staging server"), ExitStack() as stack:
        opened = control_of(login, volume.ingest, database, called="the staging server")
        control, server = stack.enter_context(opened)
        with closing(pinned(login, database)) as session:
            portal, names = read_contract(session), read_databases(session)
        others = tuple(OtherFence(name, "") for name in names)
        intent = Fenced(run, server, database, now_text(), databases=others, load=True, portal=portal)
        return stack.enter_context(fenced(volume, control, intent, [], patience))


def lift_load_fence(volume: Volume, login: str) -> tuple[str, ...]:
    """Open a load whose copy was cut short, in the staging server; it may have no fence.

    Returns:
        The databases that were fenced.

    Raises:
        Refusal: the staging server does not answer, or another one does.
    """
    record = fence_in(volume, volume.ingest)
    if record is None:
        return ()
    with refused("opening the load", "the staging server"), closing(control_session(login)) as control:
        if identifier_of(control) != record.server:
            raise Refusal(
                f"the server that answers does not work in {volume.ingest} (system identifier "
                f"{record.server}): correct the staging server's connection string"
            )
        names = (record.database, *(other.name for other in record.databases))
        opened = tuple(name for name in names if is_fenced(control, name))
        open_all(control, record)
    if not _copied(volume, record.server):
        fence_record(volume, record.server).remove()
    return opened


def _copied(volume: Volume, server: str) -> bool:
    """Return whether a copy of the load lies in ``staging/``: that one is fenced still."""
    return any(server_in(volume.snapshot(name)) == server for name in volume.snapshots())
