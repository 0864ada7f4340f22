"""Open the database of a server that serves again; before, it gets the rows that were taken for it.

Nobody can be let in alone while a database is fenced. So it gets a random name that nobody knows and is
opened under that, in one transaction; rows are put and proven; a second transaction gives it its own name,
which opens it for everybody. The random name lies on the volume before, so that a recovery finds a database
that was left renamed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..load.script import refused
from ..postgres.dsn import Connection
from ..postgres.session import pinned
from ..volume.layout import Volume, live_snapshot
from ..volume.unsaved import let_go, unsaved
from .catalogue import Table, read_contract, read_portal_tables
from .copies import keep_for_ever
from .fence import Patience, control_session, identifier_of, is_fenced, lift_fence, raise_fence
from .laps import Laps
from .plan import misfits
from .proof import prove, read_back
from .put import analyze, put_rows
from .record import Carried, Fenced, carried_folder, carried_record, fence_record, write_fence
from .stream import kept
from .unit import QUARANTINE_UNIT, Unit

_RENAME = "ALTER DATABASE {} RENAME TO {}"
_ALLOW = "ALTER DATABASE {} ALLOW_CONNECTIONS {}"


@dataclass(frozen=True)
class Opened:
    """What was done, a sentence each; ``kept`` is what the database could not hold."""

    did: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def open_database(
    volume: Volume, login: str, server: str, *, run: str, patience: Patience | None = None
) -> Opened:
    """Give a server's database the rows that were taken for it, and lift its fence; it may have none.

    Args:
        volume: the volume.
        login: a superuser's connection string of the server that runs now.
        server: the system identifier of the data directory that is live.
        run: the run that does it.
        patience: how long sessions are waited for, where the database is not fenced yet.

    Raises:
        Refusal: the rows cannot be put; the database is fenced under its own name.
    """
    record = fence_record(volume, server).read()
    if record is None:
        return Opened()
    live = live_snapshot(volume)
    if record.carried and live and unsaved(volume, live) is not None:
        # It was left without carrying its rows: putting others in their place would lose them.
        return without_rows(volume, login, server, run=run)
    with refused("opening the database", "the servers"), closing(control_session(login)) as control:
        if identifier_of(control) != server:
            raise Refusal(
                f"the server that answers is not the one of snapshot {live} (system identifier {server}): "
                "correct production's connection string, then run recover.yml"
            )
        _own_name(control, record)
        manifest = valid_rows(volume, record)
        if manifest is not None:
            return _give(volume, login, control, record, manifest, run, patience or Patience())
        lift_fence(control, record.database)
        fence_record(volume, server).remove()
    if live:
        let_go(volume, live)
    return Opened((f"lift the fence of database {record.database}",))


def without_rows(volume: Volume, login: str, server: str, *, run: str) -> Opened:
    """Open a server's database as it is: the rows that were taken for it stay where they are kept.

    Raises:
        Refusal: the server does not answer.
    """
    record = fence_record(volume, server).read()
    left: tuple[str, ...] = ()
    if record is not None and record.carried:
        folder = carried_folder(volume, record.carried)
        said = f"the rows that were taken for database {record.database} were not put into it"
        left = (f"{said}: they are in {folder}",)
        keep_for_ever(folder, left)
        write_fence(volume, replace(record, carried=""))
    return replace(open_database(volume, login, server, run=run), kept=left)


def valid_rows(volume: Volume, record: Fenced) -> Carried | None:
    """Return the rows that were taken for a database, where they still hold: their server is fenced since."""
    if not record.carried:
        return None
    manifest = carried_record(volume, record.carried).read()
    if manifest is None:
        return None
    origin = fence_record(volume, manifest.server).read()
    return manifest if origin is not None and origin.taken == record.carried else None


def _give(
    volume: Volume,
    login: str,
    control: Connection,
    record: Fenced,
    manifest: Carried,
    run: str,
    patience: Patience,
) -> Opened:
    if not is_fenced(control, record.database):  # it served before fences were, or was opened by hand
        raise_fence(control, record.database, [], patience)
    hidden = replace(record, hidden=f"reingest_{secrets.token_hex(16)}")
    write_fence(volume, hidden)
    _rename(control, record.database, hidden.hidden, opened=True)
    try:
        did, left = _put(volume, login, hidden, manifest, run)
    except BaseException:
        with suppress(psycopg2.Error):
            _own_name(control, hidden)
            write_fence(volume, record)
        raise
    if left:
        keep_for_ever(carried_folder(volume, manifest.run), left)
    # Before anybody is let in: who comes here again after a kill must not put these rows over newer ones.
    write_fence(volume, replace(hidden, carried=""))
    _rename(control, hidden.hidden, record.database, opened=True)
    fence_record(volume, record.server).remove()
    return Opened((*did, f"lift the fence of database {record.database}"), left)


def _put(
    volume: Volume, login: str, hidden: Fenced, manifest: Carried, run: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    folder = carried_folder(volume, manifest.run)
    units = {one.unit: folder / one.file for one in manifest.units}
    with closing(pinned(login, hidden.hidden, application_name="reingest carry")) as put:
        contract = {unit.table: unit.orphans for unit in units if unit != QUARANTINE_UNIT}
        tables = read_portal_tables(put, contract)
        left = _left(units, tables)
        policy = read_contract(put)  # what becomes of orphans is for whom they are orphans to say
        going = {
            replace(unit, orphans=policy.get(unit.table, unit.orphans)): path
            for unit, path in units.items()
            if unit.table not in left
        }
        made = put_rows(
            put,
            tuple(going),
            tables,
            lambda unit: kept(going[unit]),
            counters=manifest.counters,
            run=run,
            laps=Laps(),
        )
        sums = {table: found for table, found in read_back(manifest.sums).items() if table not in left}
        lines = prove(sums, made, "the earlier snapshot")
        put.commit()
        put.autocommit = True
        analyze(put, [unit for unit in going if unit != QUARANTINE_UNIT], made.views)
    return tuple(f"carry {line}" for line in lines), tuple(left.values())


def _left(units: Mapping[Unit, Path], tables: Mapping[str, Table]) -> dict[str, str]:
    """Return, by table, why its rows stay where they were kept: the earlier schema cannot hold them."""
    left = {}
    for unit, path in units.items():
        if unit == QUARANTINE_UNIT:
            continue
        there = tables.get(unit.table)
        parts = there.units.get(unit.target) if there else None
        faults = misfits(unit, parts[0]) if parts else ["there is no such table"]
        if faults:
            left[unit.table] = (
                f"table {unit.table}: the earlier schema cannot hold the rows written since "
                f"({'; '.join(faults)}); "
                f"its rows are those of when it last served, and the others are kept in {path.parent}"
            )
    return left


def _rename(control: Connection, name: str, new: str, *, opened: bool) -> None:
    """Give a database another name and open or close it, in one transaction."""
    control.autocommit = False
    try:
        with control, control.cursor() as cursor:
            cursor.execute(sql.SQL(_RENAME).format(sql.Identifier(name), sql.Identifier(new)))
            allow = sql.SQL("true" if opened else "false")
            cursor.execute(sql.SQL(_ALLOW).format(sql.Identifier(new), allow))
    finally:
        control.autocommit = True


def _own_name(control: Connection, record: Fenced) -> None:
    """Give a database that was left renamed its own name, fenced."""
    if not record.hidden or is_fenced(control, record.hidden) is None:
        return
    raise_fence(control, record.hidden, [], Patience(drain=0))
    _rename(control, record.hidden, record.database, opened=False)
