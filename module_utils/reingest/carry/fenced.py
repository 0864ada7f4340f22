"""A fence that a crash cannot leave up for ever: what is intended lies on the volume before it happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg2

from ..errors import Refusal
from ..postgres.control import read_control
from ..postgres.dsn import Connection, address
from ..volume.layout import Volume
from .fence import Ended, Patience, control_session, identifier_of, is_fenced, lift_fence, raise_fence
from .record import Fenced, fence_record, write_fence
from .renaming import open_all


@contextmanager
def control_of(
    login: str, directory: Path, database: str, *, called: str = "production"
) -> Iterator[tuple[Connection, str]]:
    """Open the control session of the server that works in a directory; give its system identifier, too.

    Raises:
        Refusal: another server answers, or it has no such database.
    """
    with closing(control_session(login)) as control:
        server = identifier_of(control)
        if server != read_control(directory).system_identifier:
            raise Refusal(
                f"the server at {address(login)} does not work in {directory} (its system identifier is "
                f"{server}): correct {called}'s connection string"
            )
        if is_fenced(control, database) is None:
            raise Refusal(
                f"the server at {address(login)} has no database {database}: correct {called}'s connection "
                "string, which names the database whose rows are carried"
            )
        yield control, server


@contextmanager
def fenced(
    volume: Volume, control: Connection, intent: Fenced, data: Sequence[Connection], patience: Patience
) -> Iterator[tuple[Ended, ...]]:
    """Have a database, and the others of the intent, fenced; they are open again when anything fails.

    They stay fenced when all went well.

    Args:
        volume: the volume.
        control: what ``control_of`` gave.
        intent: what is written down before.
        data: our own sessions in the database.
        patience: how long others are waited for.

    Raises:
        Refusal: it cannot be fenced.
    """
    write_fence(volume, intent)
    try:
        ended = raise_fence(control, intent.database, data, patience)
        for other in intent.databases:
            if is_fenced(control, other.name) is not None:  # a load need not have it yet
                ended += raise_fence(control, other.name, [], patience)
        yield ended
    except BaseException:
        # A server that is gone keeps its fences, and so the record stays: a recovery lifts them.
        with suppress(psycopg2.Error, Refusal):
            open_all(control, intent)
            fence_record(volume, intent.server).remove()
        raise


def begin_anew(volume: Volume, control: Connection, server: str, database: str) -> None:
    """Open what this very step, started before and dead since, has fenced or left renamed."""
    record = fence_record(volume, server).read()
    if record is not None:
        open_all(control, record)
    if is_fenced(control, database):
        lift_fence(control, database)
