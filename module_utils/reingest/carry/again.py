"""Transforms that read users' rows: run again once these are in place.

Their text is in the database, where its owner may have changed it: it is run with that account's rights. In
a SECURITY DEFINER function nothing gives it back those of the superuser that carries.
"""

from __future__ import annotations

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..load.script import database_reason
from ..postgres.dsn import Cursor
from ..postgres.session import reset

_OWNER = """
SELECT pg_get_userbyid(relowner)::text FROM pg_class
WHERE oid = to_regclass('reingest.load_transform') AND relkind = 'r'
"""
_MAKE = """
CREATE FUNCTION pg_temp.reingest_again(script text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
AS 'BEGIN EXECUTE script; END';
ALTER FUNCTION pg_temp.reingest_again(text) OWNER TO {};
"""
_PATH = """SET LOCAL search_path = "$user", public"""
_END = "DROP FUNCTION pg_temp.reingest_again(text)"


def run_again(cursor: Cursor) -> tuple[str, ...]:
    """Run these transforms in the caller's transaction, each with the session's own settings, as after them.

    Returns:
        their names.

    Raises:
        Refusal: PostgreSQL refuses one.
    """
    cursor.execute(_OWNER)
    owner = cursor.fetchone()
    if owner is None:
        return ()
    cursor.execute("SELECT name, script FROM reingest.load_transform ORDER BY position")
    transforms = cursor.fetchall()
    if not transforms:
        return ()
    cursor.execute(sql.SQL(_MAKE).format(sql.Identifier(owner[0])))
    for name, script in transforms:
        cursor.execute(_PATH)
        _run(cursor, name, script)
        reset(cursor)
    cursor.execute(_END)
    return tuple(name for name, _ in transforms)


def _run(cursor: Cursor, name: str, script: str) -> None:
    try:
        cursor.execute("SELECT pg_temp.reingest_again(%s)", (script,))
    except psycopg2.Error as error:
        raise Refusal(
            f"the transform {name} cannot be run again with the users' rows (transform_again): "
            f"{database_reason(error)}; correct it, and load again"
        ) from error
