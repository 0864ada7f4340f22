"""The schema tried out: what it makes is known, and judged against production, before anything is changed."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

import psycopg2
from psycopg2 import sql

from ..dataset.model import Dataset
from ..dataset.patterns import expanded
from ..errors import Refusal
from ..ownership.catalog import Catalog, read_catalog
from ..ownership.contract import check_contract
from ..postgres.dsn import Connection, connect
from ..postgres.pins import read_as
from ..postgres.session import pinned_reading
from ..volume.snapshot_id import new_id
from .both_servers import BothServers
from .catalog import TableShape, read_tables
from .request import LoadRequest, Servers
from .script import run_script
from .trial_database import empty_database, portal_database, trial_database
from .views import read_views

# The schema may have set what it likes: types are named so that they are found from anywhere.
_AS_BEFORE = "RESET SESSION AUTHORIZATION; RESET ROLE; SET search_path = pg_catalog"


@dataclass(frozen=True)
class Made:
    """What a schema makes; ``filled`` are the tables without an owner that it puts rows into.

    ``views`` are its materialised views. ``untried`` says why nothing of this is known.
    """

    tables: dict[str, TableShape] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)
    filled: frozenset[str] = frozenset()
    views: frozenset[str] = frozenset()
    untried: str = ""


def try_schema(request: LoadRequest, dataset: Dataset, schema: str, both: BothServers) -> Made:
    """Return what the schema makes: it is applied in a transaction that is rolled back.

    That is done in a database of the run's own: an image may have put anything into the others. A dry run,
    which makes none, takes one that is empty.

    Args:
        request: of the load.
        dataset: whose schema it is.
        schema: its text.
        both: what the servers hold; production's roles are made before the schema is applied.

    Raises:
        Refusal: PostgreSQL refuses the schema, or the server does not answer.
    """
    if both.staging is None:
        return Made()
    staging, name = request.servers.staging_dsn, dataset.database
    if request.dry:
        dsn = empty_database(staging, name)
        if not dsn:
            return Made(untried="no database of the staging server is empty")
        try:
            return _tried(dsn, dataset, schema, both.roles)
        except Refusal as refusal:
            if not _misses(refusal, both, name):
                raise
        return Made(untried=f"it names database {name}, which the staging server does not have yet")
    with trial_database(staging, request.run or new_id(), both.locale) as dsn:
        try:
            return _tried(dsn, dataset, schema, both.roles)
        except Refusal as refusal:
            if not _misses(refusal, both, name):
                raise
        with portal_database(staging, name, both.locale):
            return _tried(dsn, dataset, schema, both.roles)


def _misses(refusal: Refusal, both: BothServers, name: str) -> bool:
    """Return whether a schema is refused for naming the portal's database, which only the load makes."""
    cause, staging = refusal.__cause__, both.staging
    missing = isinstance(cause, psycopg2.errors.InvalidCatalogName) and f'"{name}"' in str(cause)
    return missing and staging is not None and not staging.has_database


def _tried(dsn: str, dataset: Dataset, schema: str, roles: Collection[str]) -> Made:
    """Return what the schema makes in a database in which nothing is."""
    with closing(connect(read_as(dsn, dataset.timezone, dataset.dates))) as connection:
        _make_roles(connection, roles)
        _apply(connection, dataset, schema, roles)
        with connection.cursor() as cursor:
            cursor.execute(_AS_BEFORE)
            views = read_views(cursor)
        shapes, catalog = read_tables(connection), read_catalog(connection)
        unowned = (name for name in catalog.tables if dataset.table(name) is None)
        filled = frozenset(name for name in unowned if _has_rows(connection, catalog, name))
        connection.rollback()
    return Made(shapes, catalog, filled, frozenset(views))


def _apply(connection: Connection, dataset: Dataset, schema: str, roles: Collection[str]) -> None:
    try:
        run_script(connection, dataset.schema, schema, "the schema")
    except Refusal as refusal:
        if roles and isinstance(refusal.__cause__, psycopg2.errors.DuplicateObject):
            raise Refusal(
                f"{refusal}: production's roles are made before the schema is applied; where it makes one of "
                "them, take that out, or make it only where it is missing"
            ) from refusal
        raise


def _make_roles(connection: Connection, names: Collection[str]) -> None:
    """Make the roles that are missing, in the connection's transaction; none where the login may not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles")
        missing = sorted(set(names) - {row[0] for row in cursor.fetchall()})
        if not missing:
            return
        cursor.execute("SAVEPOINT roles")
        try:
            for name in missing:
                cursor.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        except psycopg2.errors.InsufficientPrivilege:
            cursor.execute("ROLLBACK TO SAVEPOINT roles")


def check_ownership(
    dataset: Dataset, servers: Servers, both: BothServers, made: Made, *, loads: bool = True
) -> Catalog:
    """Refuse a load that production's rows of the portal's users do not fit, or a table without an owner.

    Args:
        dataset: the dataset, its columns complete.
        servers: the servers, by their connection strings.
        both: what they hold.
        made: what the schema makes; empty where it cannot be tried.
        loads: whether the load fills the tables by their `columns:`.

    Returns:
        Production's tables.

    Raises:
        Refusal: with everything that is wrong.
    """
    with ExitStack() as stack:
        production, live = None, Catalog()
        if both.production is not None and both.production.has_database:
            production = stack.enter_context(pinned_reading(servers.production_dsn, dataset.database))
            live = read_catalog(production)
        dataset = expanded(dataset, (*made.catalog.roots, *live.roots))
        check_contract(dataset, made.catalog, live, production, filled=made.filled, loads=loads)
    return live


def _has_rows(connection: Connection, catalog: Catalog, name: str) -> bool:
    with connection.cursor() as cursor:
        query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(catalog.tables[name].identifier)
        cursor.execute(query)
        return bool(cursor.fetchone()[0])
