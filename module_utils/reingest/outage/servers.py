"""What the servers tell of the switch that is to come: users' rows, and how long a checkpoint takes now."""

from __future__ import annotations

import time
from contextlib import closing, suppress

import psycopg2

from ..errors import Refusal
from ..postgres.dsn import Cursor, connect, with_database
from .forecast import Now

_CONNECT_S = 5
_LONGEST_MS = 600_000  # a checkpoint of everything that a long load left
_THERE = "SELECT to_regclass('reingest.load_table') IS NOT NULL"
# A table's rows are in its partitions and in the toast of each; its indexes are built anew.
_USERS_ROWS = """
WITH named AS (
    SELECT relation.oid FROM reingest.load_table AS known
    JOIN pg_class AS relation ON relation.relkind IN ('r', 'p')
    JOIN pg_namespace AS space ON space.oid = relation.relnamespace
        AND known.name = CASE space.nspname
            WHEN 'public' THEN relation.relname::text ELSE space.nspname || '.' || relation.relname END
    WHERE known.owner = 'portal'
)
SELECT coalesce(sum(pg_table_size(part.oid)), 0)::bigint
FROM (SELECT oid FROM named UNION SELECT relid FROM named, pg_partition_tree(named.oid)) AS part (oid)
"""


def look(production: str, staging: str = "", *, rows: bool, dry: bool) -> tuple[Now, str]:
    """Return what is known of the switch to come, and why not all of it is.

    Unless it is a dry run, both servers write all that is in their memory to disk now, so that their stop has
    little to write: one checkpoint each does that, and a second one of production, just before the window,
    tells what the one of the stop will take.

    Args:
        production: production's connection string.
        staging: the staging server's, of one that the switch stops; empty: none is. One that does not answer
            has nothing to write.
        rows: whether users' rows are carried.
        dry: a dry run: no checkpoint is made.
    """
    size, checkpoint = 0, None
    if staging and not dry:
        with suppress(Refusal, psycopg2.Error):
            _written(staging)
    try:
        with (
            closing(connect(production, timeout=_CONNECT_S, autocommit=True)) as session,
            session.cursor() as cursor,
        ):
            _pin(cursor)
            size = _size(cursor) if rows else 0
            if not dry:
                _checkpoint(cursor)
                checkpoint = _checkpoint(cursor)
    except (Refusal, psycopg2.Error) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        return Now(size, checkpoint), f"production could not be asked for the prediction: {line}"
    return Now(size, checkpoint), ""


def _written(staging: str) -> None:
    # Not in its own database, which is fenced until it has the users' rows.
    login = with_database(staging, "postgres")
    with closing(connect(login, timeout=_CONNECT_S, autocommit=True)) as session, session.cursor() as cursor:
        _pin(cursor)
        _checkpoint(cursor)


def _pin(cursor: Cursor) -> None:
    # The database's owner says where its sessions look for functions, and this is a superuser's.
    cursor.execute(f"SET search_path = pg_catalog; SET statement_timeout = {_LONGEST_MS}")


def _size(cursor: Cursor) -> int:
    cursor.execute(_THERE)
    if not cursor.fetchone()[0]:
        return 0
    cursor.execute(_USERS_ROWS)
    return int(cursor.fetchone()[0])


def _checkpoint(cursor: Cursor) -> float:
    began = time.monotonic()
    cursor.execute("CHECKPOINT")
    return time.monotonic() - began
