"""Where a schema is tried: a database of the run's own, or, in a dry run, an empty one, left as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2 import sql

from ..postgres.dsn import Connection, connect, with_database
from .locale import Locale
from .server import MAINTENANCE, drop_database, replace_database

_PREFIX = "reingest_try_"
_LEFT = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
_DATABASES = """
SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> %s
ORDER BY datname <> 'postgres', 1
"""
# Whatever somebody made has an OID from here on, schema public apart, which may have been made again.
_EMPTY = """
SELECT NOT EXISTS (SELECT FROM pg_class WHERE oid >= 16384)
   AND NOT EXISTS (SELECT FROM pg_proc WHERE oid >= 16384)
   AND NOT EXISTS (SELECT FROM pg_type WHERE oid >= 16384)
   AND NOT EXISTS (SELECT FROM pg_extension WHERE oid >= 16384)
   AND NOT EXISTS (SELECT FROM pg_namespace WHERE oid >= 16384 AND nspname <> 'public')
"""


@contextmanager
def trial_database(dsn: str, run: str, locale: Locale | None) -> Iterator[str]:
    """Give the connection string of a new database, which is gone at the end.

    What killed runs left of theirs goes away first.

    Args:
        dsn: the staging server's.
        run: the run's id.
        locale: production's, as the load's database has it.
    """
    name = _PREFIX + run
    with closing(connect(with_database(dsn, MAINTENANCE), autocommit=True)) as connection:
        _drop_left(connection)
        replace_database(connection, name, locale)
        try:
            yield with_database(dsn, name)
        finally:
            drop_database(connection, name)


@contextmanager
def portal_database(dsn: str, name: str, locale: Locale | None) -> Iterator[None]:
    """Have the portal's database be there, empty, for a schema that names it, where it is not yet."""
    with closing(connect(with_database(dsn, MAINTENANCE), autocommit=True)) as connection:
        replace_database(connection, name, locale)
        try:
            yield
        finally:
            drop_database(connection, name)


def empty_database(dsn: str, but: str) -> str:
    """Return the connection string of a database in which nothing is; empty where there is none.

    Args:
        dsn: the staging server's.
        but: the portal's database, which may hold a load.
    """
    for (name,) in _asked(with_database(dsn, MAINTENANCE), _DATABASES, but):
        database = with_database(dsn, name)
        if _asked(database, _EMPTY) == [(True,)]:
            return database
    return ""


def _asked(dsn: str, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(connect(dsn, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return list(cursor.fetchall())


def _drop_left(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, (_PREFIX,))
        for (name,) in cursor.fetchall():
            with suppress(psycopg2.errors.ObjectInUse):  # of a run that goes on
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
