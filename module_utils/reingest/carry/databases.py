"""Other databases of production that the dataset gives to the portal: each is carried whole.

It is dumped, made again beside the one that is there, proven, and put in its place.

pg_dump cannot get into a database that is fenced. So it has a name that nobody knows while it is dumped; its
archive lies on the volume, and has all of it: owner, rights, settings, large objects.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from ..dataset import owners
from ..errors import Refusal
from ..load.script import refused
from ..postgres.archives import Programs, dump, programs_of, restore
from ..postgres.dsn import Connection, database_of
from ..postgres.session import pinned
from .contents import read_contents, refuse_different, shown_contents
from .fence import MAINTENANCE, Patience, control_session, identifier_of, is_fenced, lift_fence
from .proof import read_back, written
from .record import CarriedDatabase, OtherFence
from .renaming import drop, own_name, rename, swap_in
from .stream import kept, new_file
from .survey_databases import refuse_own

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
        cursor.execute(
            "SELECT name FROM reingest.load_database WHERE owner = %s ORDER BY name", (owners.PORTAL,)
        )
        return tuple(name for (name,) in cursor.fetchall())


def server_of(control: Connection, login: str, databases: Collection[str], patience: Patience) -> Server:
    """Return a server whose databases are carried.

    Raises:
        Refusal: this host lacks a program, or one is PostgreSQL's own.
    """
    refuse_own(databases)
    return Server(control, login, programs_of(control), patience)


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
        _restore(server, carried, archive, where)
        with closing(
            pinned(server.login, copy, application_name="reingest carry", autocommit=True)
        ) as session:
            refuse_different(carried.name, sums, read_contents(session), where)
            with session.cursor() as cursor:
                cursor.execute("ANALYZE")
        swap_in(control, copy, carried.name, opened=opened)
    except BaseException:
        with suppress(psycopg2.Error):
            drop(control, copy)
        raise
    return f"{shown_contents(carried.name, sums)} carried, 0 differ"


def _restore(server: Server, carried: CarriedDatabase, archive: Path, where: str) -> None:
    try:
        with kept(archive) as file:
            restore(server.programs, server.login, file, longest=server.patience.longest)
    except Refusal as refusal:
        raise Refusal(
            f"database {carried.name} cannot be made in {where}: {refusal}; give that server what it needs "
            "(an extension, a role, room), or declare the database `ignore`"
        ) from None


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
        return CarriedDatabase(other.name, other.hidden, archive.name, written(sums))
    except Refusal as refusal:
        raise Refusal(f"database {other.name} cannot be taken: {refusal}") from None
    finally:
        own_name(server.control, other.hidden, other.name)


def lift_unrecorded(login: str, server: str) -> tuple[str, ...]:
    """Lift the fence of the database that a connection string names, and of those that came with it.

    Args:
        login: a superuser's connection string.
        server: the system identifier that its server must have.

    Returns:
        Their names; none where that database is not fenced.

    Raises:
        Refusal: the server does not answer, or the login is no superuser's.
    """
    database = database_of(login)
    with refused("opening the database", "the server"), closing(control_session(login)) as control:
        if database == MAINTENANCE or identifier_of(control) != server or not is_fenced(control, database):
            return ()
        lift_fence(control, database)
        with closing(pinned(login, database, autocommit=True)) as session:
            others = [name for name in read_databases(session) if is_fenced(control, name)]
        for name in others:
            lift_fence(control, name)
    return (database, *others)
