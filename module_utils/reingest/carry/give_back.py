"""Open the database of a server that serves again; before, it gets the rows that were taken for it.

Nobody can be let in alone while a database is fenced. So it gets a random name that nobody knows and is
opened under that, in one transaction; rows are put and proven; a second transaction gives it its own name,
which opens it for everybody. The random name lies on the volume before, so that a recovery finds a database
that was left renamed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2

from ..dataset.owners import PORTAL
from ..errors import Refusal
from ..frame.bring import Brought
from ..frame.kept_roles import bring_kept, forget_roles
from ..load.other_databases import write_databases
from ..load.script import refused
from ..ownership.checksum import Content
from ..ownership.types import is_oid
from ..postgres.dsn import Connection
from ..postgres.session import pinned
from ..volume.layout import Volume, live_snapshot
from ..volume.pending_views import note_pending
from ..volume.unsaved import let_go, unsaved
from .catalogue import Table, read_contract, read_portal_tables
from .copies import keep_for_ever
from .databases import put_database, read_databases, server_of
from .fence import Patience, control_session, identifier_of, is_fenced, raise_fence
from .laps import Laps
from .plan import PARTITIONED, heir, misfits, of_its_own
from .proof import prove, prove_objects, read_back
from .put import NotTakenError, Source, finish, put_rows
from .record import Carried, Fenced, carried_folder, carried_record, fence_record, hidden_name, write_fence
from .renaming import drop_replaced, open_all, own_names, rename
from .stream import kept
from .unit import QUARANTINE_UNIT, Terms, Unit


@dataclass(frozen=True)
class Opened:
    """What was done, a sentence each; ``kept`` is what the database could not hold, and other warnings."""

    did: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    later: tuple[str, ...] = ()  # materialised views that are refreshed once the window is closed


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
        own_names(control, record)
        manifest = valid_rows(volume, record)
        if manifest is not None:
            return _give(volume, login, control, record, manifest, run, patience or Patience())
        open_all(control, record)
        if record.databases:
            with closing(pinned(login, record.database)) as session:
                _know(session, [other.name for other in record.databases])
                session.commit()
        fence_record(volume, server).remove()
    if live:
        let_go(volume, live)
    return Opened(_lifted(record))


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
        forget_roles(folder)
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
    for name in (record.database, *(other.name for other in record.databases)):
        if is_fenced(control, name) is False:  # it served before fences were, or was opened by hand
            raise_fence(control, name, [], patience)
    roles = _bring_roles(carried_folder(volume, manifest.run), login)  # first: they may own what is made
    whole, kept_whole = _put_databases(volume, login, control, manifest, patience, where=record.called)
    if record.load and kept_whole:
        raise Refusal("; ".join(kept_whole))
    hidden = replace(record, hidden=hidden_name())
    write_fence(volume, hidden)
    rename(control, (record.database, hidden.hidden), opened=True)
    try:
        did, left, told, later = _put(volume, login, hidden, manifest, run)
    except BaseException:
        with suppress(psycopg2.Error):
            own_names(control, hidden)
            write_fence(volume, record)
        raise
    left = (*left, *kept_whole)
    if left:
        keep_for_ever(carried_folder(volume, manifest.run), left)
    # Before anybody is let in: who comes here again after a kill must not put these rows over newer ones.
    write_fence(volume, replace(hidden, carried=""))
    others = [other.name for other in record.databases if is_fenced(control, other.name)]
    rename(control, (hidden.hidden, record.database), opened=True, also=others)
    fence_record(volume, record.server).remove()
    warnings = tuple(f"roles are not as they were in the server that was left: {one}" for one in roles.failed)
    return Opened((*did, *whole, *roles.did, *_lifted(record)), left, (*warnings, *told), later)


def _bring_roles(folder: Path, login: str) -> Brought:
    """Make the roles as they were in the server that was left; a fault keeps no row from its place."""
    try:
        return bring_kept(folder, login)
    except (Refusal, OSError) as error:
        return Brought((), (str(error),))


def _put_databases(
    volume: Volume, login: str, control: Connection, manifest: Carried, patience: Patience, *, where: str
) -> tuple[list[str], list[str]]:
    """Put the other databases, which stay fenced; return what was done, and what could not be."""
    drop_replaced(control)
    did, left = [], []
    for one in manifest.databases:
        archive = carried_folder(volume, manifest.run) / one.file
        try:
            server = server_of(control, login, [one.name], patience)
            line = put_database(server, one, archive, opened=False, where=where)
        except Refusal as refusal:
            left.append(
                f"{refusal}; database {one.name} is as it was when this snapshot last served, and what was "
                f"written since is kept in {archive}"
            )
        else:
            did.append(f"carry {line}")
    return did, left


def _know(session: Connection, databases: Collection[str]) -> None:
    """Write down in a snapshot which databases came along: one of before their declaration is left again."""
    new = set(databases) - set(read_databases(session))
    if not new:
        return
    with session.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.load') IS NOT NULL")
        if cursor.fetchone()[0]:  # one that reingest did not load is never asked
            write_databases(cursor, dict.fromkeys(sorted(new), PORTAL))


def _lifted(record: Fenced) -> tuple[str, ...]:
    names = (record.database, *(other.name for other in record.databases))
    return tuple(f"lift the fence of database {name}" for name in names)


def _put(
    volume: Volume, login: str, hidden: Fenced, manifest: Carried, run: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return what was done, what the database could not hold, what else to know, and which views wait."""
    folder = carried_folder(volume, manifest.run)
    units = [one.unit for one in manifest.units]
    files = {one.unit.source: folder / one.file for one in manifest.units}
    source = Source(lambda unit: kept(files[unit.source]), lambda stream: kept(folder / stream.value))
    with closing(pinned(login, hidden.hidden, application_name="reingest carry")) as put:
        contract = {unit.table: Terms(unit.orphans) for unit in units if unit != QUARANTINE_UNIT}
        tables = read_portal_tables(put, contract)
        left = _left(units, tables)
        policy = read_contract(put)  # what becomes of orphans is for whom they are orphans to say
        aimed = {unit: there for unit in units if (there := _aimed(unit, tables)) is not None}
        made = None
        while made is None:
            if hidden.load and left:
                reasons = "; ".join(f"table {name}: {reason}" for name, reason in left.items())
                raise Refusal(f"the load cannot hold users' rows: {reasons}")
            going = [
                replace(there, orphans=policy[unit.table].orphans if unit.table in policy else unit.orphans)
                for unit, there in aimed.items()
                if unit.table not in left
            ]
            beside = [_naming(there, tables) for unit, there in aimed.items() if unit.table in left]
            counters = manifest.counters
            try:
                made = put_rows(
                    put, going, tables, source, counters=counters, run=run, laps=Laps(), beside=beside
                )
            except NotTakenError as error:
                # A key, a check, a value of an enum: nothing but putting them tells. The others come along.
                if error.table not in {unit.table for unit in going}:
                    raise
                put.rollback()
                left[error.table] = error.reason
        sums = {table: found for table, found in read_back(manifest.sums).items() if table not in left}
        lines = prove(sums, made, hidden.called)
        objects = Content(manifest.large_objects.rows, int(manifest.large_objects.total))
        lines += prove_objects(tuple(going), objects, made, hidden.called)
        _know(put, [one.name for one in manifest.databases])
        note_pending(volume, hidden.server, hidden.database, made.later, run=run)
        put.commit()
        finish(put, [unit for unit in going if unit != QUARANTINE_UNIT], made.views)
    did = [*(f"carry {line}" for line in lines), *(f"run transform {name} again" for name in made.again)]
    lost = tuple(
        f"table {name}: the earlier schema cannot hold the rows written since ({reason}); "
        f"its rows are those of when it last served, and the others are kept in {folder}"
        for name, reason in left.items()
    )
    return tuple(did), lost, made.of_objects.told, made.later


def _aimed(unit: Unit, tables: Mapping[str, Table]) -> Unit | None:
    """Return a unit with the relation of the earlier schema that takes its rows; None where none does."""
    there = tables.get(unit.table)
    if there is None:
        return unit if unit == QUARANTINE_UNIT else None
    target = heir(unit.source, unit.above, there)
    if target is None:
        return None
    return replace(unit, target=target, to_partitions=there.units[target][0].kind == PARTITIONED)


def _naming(unit: Unit, tables: Mapping[str, Table]) -> Unit:
    """Return a unit whose rows are not put with the columns that name large objects in the earlier schema."""
    table = tables[unit.table]
    columns = table.units[unit.target][0].columns
    there = (
        name for name in unit.large_objects if name in columns and is_oid(columns[name].type, table.types)
    )
    return replace(unit, large_objects=tuple(there))


def _left(units: Collection[Unit], tables: Mapping[str, Table]) -> dict[str, str]:
    """Return, by table, why the schema cannot hold its rows: these stay where they were kept."""
    left = {}
    columns = {unit.source: unit.columns for unit in units}
    for unit in units:
        if unit == QUARANTINE_UNIT:
            continue
        aimed = _aimed(unit, tables)
        faults = ["there is no such table"]
        if aimed is not None:
            faults = misfits(unit, tables[unit.table], aimed.target)
        if aimed is not None and aimed.target != unit.source:
            faults += of_its_own(unit.columns, columns.get(aimed.target, ()))
        if faults:
            left[unit.table] = "; ".join(faults)
    return left
