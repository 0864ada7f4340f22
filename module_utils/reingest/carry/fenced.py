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


@contextmanager
def control_of(login: str, directory: Path, database: str) -> Iterator[tuple[Connection, str]]:
    """Open the control session of the server that works in a directory; give its system identifier, too.

    Raises:
        Refusal: another server answers, or it has no such database.
    """
    with closing(control_session(login)) as control:
        server = identifier_of(control)
        if server != read_control(directory).system_identifier:
            raise Refusal(
                f"the server at {address(login)} does not work in {directory} (its system identifier is "
                f"{server}): correct production's connection string"
            )
        if is_fenced(control, database) is None:
            raise Refusal(
                f"the server at {address(login)} has no database {database}: correct production's connection "
                "string, which names the database whose rows are carried"
            )
        yield control, server


@contextmanager
def fenced(
    volume: Volume, control: Connection, intent: Fenced, data: Sequence[Connection], patience: Patience
) -> Iterator[tuple[Ended, ...]]:
    """Have a database fenced; it stays so when all went well, and is open again when anything fails.

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
        yield raise_fence(control, intent.database, data, patience)
    except BaseException:
        # A server that is gone keeps its fence, and so the record stays: a recovery lifts it.
        with suppress(psycopg2.Error):
            lift_fence(control, intent.database)
            fence_record(volume, intent.server).remove()
        raise
