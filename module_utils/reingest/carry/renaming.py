"""Databases under names that nobody knows: so that we get into one that is fenced, and nobody else does.

A name lies on the volume before it is given, so that a recovery finds a database that was left renamed.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from contextlib import suppress

import psycopg2
from psycopg2 import sql

from ..postgres.dsn import Connection
from .fence import Patience, is_fenced, lift_fence, raise_fence
from .record import Fenced

_RENAME = "ALTER DATABASE {} RENAME TO {}"
_ALLOW = "ALTER DATABASE {} ALLOW_CONNECTIONS {}"
_COPIES = r"SELECT datname FROM pg_database WHERE datname ~ '^reingest_(replaced_)?[0-9a-f]{32}$'"
_REPLACED, _ASIDE = "reingest_replaced_", "reingest_aside_"


def rename(control: Connection, *names: tuple[str, str], opened: bool, also: Collection[str] = ()) -> None:
    """Give databases other names, and open or close the last of them and ``also``, in one transaction."""
    control.autocommit = False
    try:
        with control, control.cursor() as cursor:
            for name, new in names:
                cursor.execute(sql.SQL(_RENAME).format(sql.Identifier(name), sql.Identifier(new)))
            allow = sql.SQL("true" if opened else "false")
            for name in (names[-1][1], *also):
                cursor.execute(sql.SQL(_ALLOW).format(sql.Identifier(name), allow))
    finally:
        control.autocommit = True


def own_name(control: Connection, hidden: str, name: str) -> None:
    """Give a database that has a hidden name its own, fenced.

    A program that makes the database which it misses may have made one of that name: it is set aside, fenced,
    and the next load reports it.
    """
    if not hidden or is_fenced(control, hidden) is None:
        return
    raise_fence(control, hidden, [], Patience(drain=0))
    moves = [(hidden, name)]
    if is_fenced(control, name) is not None:
        raise_fence(control, name, [], Patience(drain=0))
        moves.insert(0, (name, f"{_ASIDE}{secrets.token_hex(16)}"))
    rename(control, *moves, opened=False)


def own_names(control: Connection, record: Fenced) -> None:
    """Give all databases of a record their own names, fenced."""
    own_name(control, record.hidden, record.database)
    for other in record.databases:
        own_name(control, other.hidden, other.name)


def open_all(control: Connection, record: Fenced) -> None:
    """Let clients into all databases of a record again, each by its own name."""
    own_names(control, record)
    for name in (*(other.name for other in record.databases), record.database):
        if is_fenced(control, name):
            lift_fence(control, name)


def swap_in(control: Connection, copy: str, name: str, *, opened: bool) -> None:
    """Put a copy in the place of a database, which is deleted; there is one of that name at any moment."""
    raise_fence(control, copy, [], Patience(drain=0))
    replaced = f"{_REPLACED}{secrets.token_hex(16)}"
    if is_fenced(control, name) is None:
        rename(control, (copy, name), opened=opened)
        return
    raise_fence(control, name, [], Patience(drain=0))
    rename(control, (name, replaced), (copy, name), opened=opened)
    with suppress(psycopg2.Error):  # one that cannot be deleted now is deleted by the next who comes here
        drop(control, replaced)


def drop_copies(control: Connection, *, but: Collection[str]) -> None:
    """Delete the copies that an attempt left that died; one that cannot be deleted is in nobody's way.

    Args:
        control: the session; on the server of a load, where no database is ever renamed for a dump.
        but: hidden names that are no copies.
    """
    for name in _copies(control):
        if name not in but:
            with suppress(psycopg2.Error):
                drop(control, name)


def drop_replaced(control: Connection) -> None:
    """Delete the databases that a copy has replaced."""
    drop_copies(control, but=[name for name in _copies(control) if not name.startswith(_REPLACED)])


def drop(control: Connection, name: str) -> None:
    """Delete a database, and end who is in it; there may be none."""
    with control.cursor() as cursor:
        cursor.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone() == (True,):  # one whose deletion was killed takes no other statement
            cursor.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _copies(control: Connection) -> list[str]:
    with control.cursor() as cursor:
        cursor.execute(_COPIES)
        return [name for (name,) in cursor.fetchall()]
