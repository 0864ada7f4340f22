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
from ..postgres.session import pinned_reading
from .both_servers import BothServers
from .catalog import TableShape, read_tables
from .request import Servers
from .script import run_script
from .server import MAINTENANCE, dataset_dsn
from .views import read_views

_EARLIER = "SELECT coalesce(array_agg(oid), '{}') FROM pg_class WHERE relkind IN ('r', 'p')"


@dataclass(frozen=True)
class Made:
    """What a schema makes; ``filled`` are the tables without an owner that it puts rows into.

    ``views`` are its materialised views.
    """

    tables: dict[str, TableShape] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)
    filled: frozenset[str] = frozenset()
    views: frozenset[str] = frozenset()


def try_schema(dsn: str, dataset: Dataset, schema: str, *, roles: Collection[str] = ()) -> Made:
    """Return what the schema makes: it is applied in a transaction that is rolled back.

    Args:
        dsn: the staging server's.
        dataset: whose schema it is.
        schema: its text.
        roles: production's, which are made before the schema is applied.

    Raises:
        Refusal: PostgreSQL refuses the schema, or the server does not answer.
    """
    with closing(connect(dataset_dsn(dsn, dataset, MAINTENANCE))) as connection:
        there = read_tables(connection)
        with connection.cursor() as cursor:
            cursor.execute(_EARLIER)
            earlier = cursor.fetchone()[0]
            views = read_views(cursor)
        _make_roles(connection, roles)
        _apply(connection, dataset, schema, roles)
        shapes = {name: shape for name, shape in read_tables(connection).items() if name not in there}
        catalog = read_catalog(connection, without=earlier)
        unowned = (name for name in catalog.tables if dataset.table(name) is None)
        filled = frozenset(name for name in unowned if _has_rows(connection, catalog, name))
        with connection.cursor() as cursor:
            views = read_views(cursor) - views
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
