"""What would be carried now, and why it could not be: for the plan before the window, and for a dry run."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from psycopg2 import sql

from ..dataset.owners import PORTAL
from ..dataset.table_name import table_name
from ..disclosure.command_line import accepting
from ..errors import Refusal
from ..fs.sizes import free_bytes, shown_bytes
from ..load.script import refused
from ..ownership.checksum import read_content
from ..postgres.dsn import Connection, Unreachable, connect, with_database
from ..postgres.session import pinned
from ..volume.layout import Volume
from ..volume.ledger import readable_ledger
from ..volume.server_id import server_in
from .after_switch import views_to_leave
from .carry_over import Servers, portal_tables, refuse_faults, refuse_same
from .catalogue import Table, read_contract, read_owners, read_portal_tables, table_names
from .databases import read_databases
from .fence import MAINTENANCE, control_session, refuse_prepared
from .fenced import control_of
from .named_objects import objects_size, refuse_taken_numbers, told_of_objects
from .plan import plan_carry
from .quarantine import has_quarantine
from .record import fence_in
from .survey_databases import refuse_later, survey_databases
from .unit import Relation, Unit

_SIZES = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM unnest(%s::oid[]) AS oid"
_CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = ANY(%s) AND pid <> pg_backend_pid()"
_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"
_ROOM = 2  # times what the rows take in production: the copy, and the room that the load needs for them


@dataclass(frozen=True)
class Survey:
    """What would be carried now; nothing where the portal's users write nothing."""

    needed: bool = False
    rows: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0  # that counting took
    size: int = 0  # bytes that the rows take in production, with the large objects that they name
    connected: int = 0  # sessions that would be ended
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # production's other tables, by owner
    databases: Mapping[str, int] = field(default_factory=dict)  # that are carried whole, with their bytes
    objects: int = 0  # large objects
    told: tuple[str, ...] = ()  # what a person should know of them
    later: tuple[str, ...] = ()  # materialised views of the load that are refreshed after the window


def loaded_database(login: str) -> str:
    """Return the database of a server that a load made; empty where none did.

    Raises:
        Refusal: the server does not answer, or has several.
    """
    with (
        closing(connect(with_database(login, MAINTENANCE), autocommit=True)) as session,
        session.cursor() as cursor,
    ):
        cursor.execute(_DATABASES)
        names = [name for (name,) in cursor.fetchall()]
    found = [name for name in names if _is_loaded(login, name)]
    if len(found) > 1:
        raise Refusal(
            f"several databases of one server were loaded by reingest: {', '.join(found)}; drop the others"
        )
    return found[0] if found else ""


def survey(
    volume: Volume,
    login: str,
    *,
    live: Path,
    staging: str,
    target: Path | None,
    coming: bool,
    databases: Collection[str] = (),
) -> Survey:
    """Say what would be carried now; changes nothing.

    Args:
        volume: the volume.
        login: production's connection string.
        live: production's data directory.
        staging: that of the staging server, whose load is to serve; empty: an earlier snapshot is.
        target: that snapshot's data directory.
        coming: a dry run, in which the load may not be there yet: production alone is looked at then.
        databases: other databases that the dataset gives to the portal; none where the dataset was not read.

    Raises:
        Refusal: it could not be carried, with every reason.
    """
    there = loaded_database(staging) if staging else ""
    fence = fence_in(volume, target) if target is not None else None
    load = fence if fence is not None and fence.load else None
    try:
        database = there or loaded_database(login) or (load.database if load is not None else "")
    except Unreachable as error:
        raise Refusal(
            f"production: {error}; to switch without the rows that its users wrote, accept that "
            f"({accepting(['rows'])}), which keeps its snapshot"
        ) from None
    if staging and not there and not coming:
        raise Refusal("the staging server holds no load: load first")
    if not database and _is_copy(volume, target):
        raise Refusal(
            "the load was copied to where it is promoted, and production was not loaded by reingest: nobody "
            "knows which of its rows are the users': save them, then accept leaving them: "
            f"{accepting(['rows'])}"
        )
    if not database:
        return Survey(needed=fence is not None)
    with ExitStack() as stack:
        stack.enter_context(refused("looking at users' rows", "the servers"))
        control, _ = stack.enter_context(control_of(login, live, database))
        refuse_prepared(control, database)
        take = stack.enter_context(closing(pinned(login, database)))
        made, later = None, list[Relation]()
        if there:
            servers = Servers(login, staging, database)
            serves = stack.enter_context(closing(control_session(staging)))
            refuse_same(control, serves, servers)
            made = stack.enter_context(closing(pinned(staging, database)))
            names = read_databases(made)
            if not coming:  # else the load that comes says so
                refuse_later(names, databases)
            wanted = databases or names if coming else names
            whole = survey_databases(control, login, wanted, serves=serves, strict=True)
            tables, next_ = portal_tables(take, made)
            owned = {**read_owners(take), **read_owners(made)}
        else:
            names = read_databases(take) if target is not None else ()
            if load is not None:
                names = tuple(other.name for other in load.databases)
            both, strict = {*names, *databases}, target is None or load is not None
            whole = survey_databases(control, login, both, serves=None, strict=strict)
            contract = read_contract(take) if load is None else load.portal
            tables = next_ = read_portal_tables(take, contract)
            owned = read_owners(take)
        plan = plan_carry(tables, next_, "the load")
        refuse_faults(plan)
        if made is not None:
            refuse_taken_numbers(take, made, plan.units)
            with made.cursor() as cursor:
                later = views_to_leave(cursor)
        began = time.monotonic()
        rows = _counted(take, plan.units)
        seconds = round(time.monotonic() - began, 3)
        size, connected = _measured(take, tables, [database, *whole])
        owners = _by_owner(owned, table_names(take))
        objects, bytes_ = objects_size(take, plan.units)
        told = told_of_objects(take, plan.units)
    size += sum(whole.values()) + bytes_
    _refuse_full(volume, size)
    needed = bool(rows or whole) or fence is not None
    names_later = tuple(table_name(*view) for view in later)
    return Survey(needed, rows, seconds, size, connected, owners, whole, objects, told, names_later)


def _is_copy(volume: Volume, target: Path | None) -> bool:
    """Return whether a snapshot is a load that was copied to where it is promoted, and lies there."""
    if target is None or not server_in(target):  # a dry run's copy is not there yet
        return False
    return not readable_ledger(volume).was_live(target.name)


def _by_owner(owned: Mapping[str, str], names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name in names:
        if owned.get(name, PORTAL) != PORTAL:  # those of the portal are told with their rows
            found.setdefault(owned[name], []).append(name)
    return {owner: tuple(found[owner]) for owner in sorted(found, reverse=True)}


def _is_loaded(login: str, name: str) -> bool:
    with closing(pinned(login, name, autocommit=True)) as session, session.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.load') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def _counted(take: Connection, units: tuple[Unit, ...]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for unit in units:
        found = read_content(take, sql.Identifier(*unit.source), (), only=not unit.from_partitions).rows
        rows[unit.table] = rows.get(unit.table, 0) + found
    if has_quarantine(take):
        with take.cursor() as cursor:
            cursor.execute(sql.SQL("SELECT count(*) FROM reingest.quarantine"))
            aside = int(cursor.fetchone()[0])
        if aside:
            rows["reingest.quarantine"] = aside
    return rows


def _measured(take: Connection, tables: Mapping[str, Table], databases: list[str]) -> tuple[int, int]:
    with take.cursor() as cursor:
        cursor.execute(_SIZES, ([oid for table in tables.values() for oid in table.oids],))
        size = int(cursor.fetchone()[0])
        cursor.execute(_CONNECTED, (databases,))
        return size, int(cursor.fetchone()[0])


def _refuse_full(volume: Volume, size: int) -> None:
    free = free_bytes(volume.root)
    if size * _ROOM > free:
        raise Refusal(
            f"{volume.root}: {shown_bytes(size)} of users' rows are carried, which needs {_ROOM} times their "
            f"size, and {shown_bytes(free)} are free: make room"
        )
