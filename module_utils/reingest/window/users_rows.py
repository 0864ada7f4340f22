"""Users' rows in a recovery: what was written since the switch is carried, and no fence stays up.

Both need production's login and psycopg2, which not every host has: it is imported where there is something
to do.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ..carry.record import Fenced, fence_record
from ..errors import Refusal
from ..postgres.control import read_control
from ..volume.layout import Volume
from ..volume.unsaved import hold
from .host import Told


def take_written_since(
    volume: Volume, login: str, *, left: str, target: str, run: str, of_run: str, serve: Callable[[], None]
) -> Told:
    """Take what users wrote into a snapshot that is left again; its writers are stopped.

    Args:
        volume: the volume.
        login: production's connection string; empty: users' rows are not carried.
        left: the snapshot that serves.
        target: the one that is to serve again.
        run: the run that recovers.
        of_run: the run whose switch it is.
        serve: starts that snapshot's server where it does not run: it may be what died.
    """
    rows, taken = Told(), f"{of_run}-back"
    if not login:
        return rows
    _, fence = _fence(volume, left, rows)
    if rows.faults or (fence is not None and fence.carried):
        return rows  # it was not opened yet: no user wrote
    serve()
    from ..carry.fence import Patience, lets_in
    from ..carry.survey import loaded_database
    from ..carry.take import take_rows

    try:
        if fence is not None and fence.taken != taken and not lets_in(login, fence.database):
            return rows  # nor was this one, or its run died as it opened it
        database = fence.database if fence is not None else loaded_database(login)
        if database:
            made = take_rows(
                volume,
                login,
                database,
                live=volume.snapshot(left),
                target=volume.snapshot(target),
                run=run,
                taken=taken,
                patience=Patience(),
            )
            rows.did += made.lines
    except Refusal as error:
        with suppress(OSError, Refusal):
            hold(volume, left, run=of_run, why="its switch was taken back, and they could not be carried")
        rows.warnings.append(
            f"what users may have written into snapshot {left} was not carried ({str(error).strip()}): "
            f"it is in {volume.snapshot(left)}, which retention keeps"
        )
    return rows


def open_served(volume: Volume, login: str, *, live: str, run: str, dry: bool) -> Told:
    """Lift the fence of the database that serves; before, it gets the rows that were taken for it.

    Told that it cannot be given stay on the volume, and the portal is opened without them.
    """
    rows = Told()
    server, fence = _fence(volume, live, rows)
    if fence is None:
        if login and server and not (dry or rows.faults):
            _open_unrecorded(login, server, rows)
        return rows
    if dry:
        names = (fence.database, *(other.name for other in fence.databases))
        rows.did += [f"lift the fence of database {name}" for name in names]
        return rows
    if not login:
        rows.faults.append(
            f"database {fence.database} of production is fenced since {fence.since}, and this host was not "
            "told how to log in: run recover.yml, with reingest_production_dsn"
        )
        return rows
    from ..carry.give_back import open_database, without_rows

    try:
        try:
            opened = open_database(volume, login, server, run=run)
        except Refusal as error:
            if not fence.carried:
                raise
            opened = without_rows(volume, login, server, run=run)
            rows.warnings.append(f"what users wrote since is not in snapshot {live} ({str(error).strip()})")
    except Refusal as error:
        rows.faults.append(str(error).strip())
        return rows
    rows.did += opened.did
    rows.warnings += (*opened.kept, *opened.warnings)
    return rows


def _open_unrecorded(login: str, server: str, rows: Told) -> None:
    """Lift the fence of the database that the login names, where its record is gone with the volume's."""
    from ..carry.databases import lift_unrecorded

    try:
        opened = lift_unrecorded(login, server)
    except Refusal:
        return  # no superuser's login, say: then this reingest has fenced nothing
    rows.did += [f"lift the fence of database {name}, of which there is no record" for name in opened]


def _fence(volume: Volume, snapshot: str, rows: Told) -> tuple[str, Fenced | None]:
    """Return a snapshot's system identifier, and the fence on its disk if it has one."""
    try:
        server = read_control(volume.snapshot(snapshot)).system_identifier
    except Refusal:  # a directory that is damaged: the report says already that its server does not start
        return "", None
    try:
        return server, fence_record(volume, server).read()
    except Refusal as refusal:
        rows.faults.append(str(refusal))
        return server, None
