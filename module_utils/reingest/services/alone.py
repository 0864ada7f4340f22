"""Whether a PostgreSQL is, or would be, the only one on its data directory."""

from __future__ import annotations

from collections.abc import Collection

from ..engines.model import POSTGRESQL, Engine, Service
from ..engines.occupancy import occupancy_faults
from ..errors import Refusal
from ..fs.durable import unlink
from ..fs.no_follow import is_link, is_there, read_link, status_of
from ..postgres.datadir import is_data_directory
from ..postgres.working import working_in


def refuse_unsafe_start(service: Service, *, exclusive: bool = False, own: Collection[str] = ()) -> None:
    """Refuse to start a PostgreSQL that would make a database of its own, or be the second on one.

    Args:
        service: the service.
        exclusive: whether the directory is declared to be nobody else's, where that cannot be seen.
        own: the service's own containers; one that Docker starts again and again has the directory already.

    Raises:
        Refusal: ``linked`` and the data directory is no link to a data directory, or it is in use, or whether
            it is cannot be seen.
    """
    if service.data is None:
        return
    if service.linked:
        if not is_link(service.data):
            what = "is no link" if is_there(service.data) else "is not there"
            raise Refusal(
                f"{service.name} is not started: {service.data} {what}, and the server would make a database "
                "of its own; it must be a link to a data directory: promote a load first (promote.yml)"
            )
        if not is_data_directory(service.place):
            raise Refusal(
                f"{service.name} is not started: {service.data} leads to {read_link(service.data)}, which is "
                "no data directory: promote a snapshot first (promote.yml or rollback.yml)"
            )
    faults = occupancy_faults(service.data, exclusive=exclusive, without=own)
    if faults:
        raise Refusal(f"{service.name} is not started: {'; '.join(faults)}")


def clear_remnant(service: Service) -> None:
    """Take away the empty lock file of a PostgreSQL that was killed as it made it: none starts beside that.

    PostgreSQL cannot tell it from that of a server which starts at this moment, and asks for a hand
    (``CreateLockFile`` in ``src/backend/utils/init/miscinit.c``). Such a server works in the directory by
    then. The caller has proven that nobody else is there.
    """
    if service.data is None or service.kind != POSTGRESQL:
        return
    lock = service.place / "postmaster.pid"
    found = status_of(lock)
    if found is not None and found.st_size == 0 and not working_in(service.data).seen:
        unlink(lock)


def refuse_company(engine: Engine, service: Service, *, exclusive: bool) -> None:
    """Refuse while all still runs what would be refused in the window: somebody else in the directory.

    Args:
        engine: what runs the service.
        service: the service; it may run.
        exclusive: whether the directory is declared to be nobody else's, where that cannot be seen.

    Raises:
        Refusal: somebody else is in the directory, or that cannot be seen.
    """
    if service.data is None or service.kind != POSTGRESQL:
        return
    faults = occupancy_faults(
        service.data,
        exclusive=exclusive,
        without=engine.containers(service),
        own=engine.processes(service),
    )
    if faults:
        raise Refusal(f"{service.name} is not alone: {'; '.join(faults)}")
