"""The other databases that the dataset gives to the portal: dumped whole, made again beside, proven, put in place.

pg_dump cannot get into a database that is fenced. So it has a name that nobody knows while it is dumped; its
archive lies on the volume, and has all of it: owner, rights, settings, large objects.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from ..dataset.owners import PORTAL
from ..errors import Refusal
from ..postgres.archives import Programs, dump, programs_of, restore
from ..postgres.dsn import Connection
from ..postgres.session import pinned
from .contents import differences, read_contents, shown_contents
from .fence import Patience, is_fenced
from .proof import read_back, written
from .record import CarriedDatabase, OtherFence
from .renaming import drop, own_name, rename, swap_in
from .stream import kept, new_file

_BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@dataclass(frozen=True)
class Server:
    """A server, as the carrying of its databases needs it."""

    control: Connection
    login: str
    programs: Programs
    patience: Patience


def read_databases(connection: Connection) -> tuple[str, ...]:
    """Return the databases that are carried whole, as the load wrote them down into the portal's.

    None where an earlier reingest made the load.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.load_database') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return ()
        cursor.execute("SELECT name FROM reingest.load_database WHERE owner = %s ORDER BY name", (PORTAL,))
        return tuple(name for (name,) in cursor.fetchall())


def missing(control: Connection, names: Collection[str]) -> list[str]:
    """Return which databases a server does not have."""
    return [name for name in names if is_fenced(control, name) is None]


def refuse_missing(control: Connection, names: Collection[str]) -> None:
    """Refuse to carry a database that production does not have.

    Raises:
        Refusal: that is so; with all of them.
    """
    found = missing(control, names)
    if found:
        raise Refusal(
            f"production has no database {', '.join(found)}, which the dataset gives to the portal: take it "
            "out of `databases:` and load again, or create it"
        )


def server_of(
    control: Connection, login: str, databases: Collection[object], patience: Patience
) -> Server | None:
    """Return the server whose databases are carried; None where none is.

    Raises:
        Refusal: this host lacks a program.
    """
    return Server(control, login, programs_of(control), patience) if databases else None


def take_databases(
    server: Server | None, others: Sequence[OtherFence], folder: Path
) -> tuple[CarriedDatabase, ...]:
    """Dump databases that are fenced into a folder; they stay fenced.

    Raises:
        Refusal: one cannot be dumped.
    """
    if server is None:
        return ()
    return tuple(_take(server, other, folder / f"database{at}") for at, other in enumerate(others))


def put_database(server: Server, carried: CarriedDatabase, archive: Path, *, opened: bool, where: str) -> str:
    """Make a database again from its archive, prove it, put it in the place of the one of its name.

    Args:
        server: the server that is to serve.
        carried: the database.
        archive: its archive.
        opened: whether clients are let in then.
        where: what the server is called in messages: "the load".

    Returns:
        What was carried, for the report.

    Raises:
        Refusal: it cannot be made as it was; the one that was there is there.
    """
    control, copy, sums = server.control, carried.archived, read_back(carried.sums)
    drop(control, copy)  # of an attempt that died
    try:
        try:
            with kept(archive) as file:
                restore(server.programs, server.login, file, longest=server.patience.longest)
        except Refusal as refusal:
            raise Refusal(
                f"database {carried.name} cannot be made in {where}: {refusal}; what it needs (an extension, "
                "a role, room) must be there, or it is left behind with `ignore`"
            ) from None
        with closing(
            pinned(server.login, copy, application_name="reingest carry", autocommit=True)
        ) as session:
            faults = differences(sums, read_contents(session))
            if faults:
                raise Refusal(
                    f"database {carried.name} is not in {where} as it was taken: {'; '.join(faults)}"
                )
            with session.cursor() as cursor:
                cursor.execute("ANALYZE")
        swap_in(control, copy, carried.name, opened=opened)
    except BaseException:
        with suppress(psycopg2.Error):
            drop(control, copy)
        raise
    return f"{shown_contents(carried.name, sums)} carried, 0 differ"


def _take(server: Server, other: OtherFence, archive: Path) -> CarriedDatabase:
    rename(server.control, (other.name, other.hidden), opened=True)
    try:
        with (
            closing(pinned(server.login, other.hidden, application_name="reingest take")) as session,
            session.cursor() as cursor,
            new_file(archive) as out,
            ThreadPoolExecutor(1) as pool,
        ):
            cursor.execute(_BEGIN)
            cursor.execute("SELECT pg_export_snapshot()")
            how = {"snapshot": cursor.fetchone()[0], "longest": server.patience.longest}
            dumping = pool.submit(dump, server.programs, server.login, other.hidden, out, **how)
            sums = read_contents(session)
            dumping.result()
            os.fsync(out.fileno())
        return CarriedDatabase(other.name, other.hidden, archive.name, written(sums))
    except Refusal as refusal:
        raise Refusal(f"database {other.name} cannot be taken: {refusal}") from None
    finally:
        own_name(server.control, other.hidden, other.name)
