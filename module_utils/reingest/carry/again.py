"""Transforms that read users' rows: run again once these are in place, and what they leave is proven.

Their text is in the database, where its owner may have changed it: it is run with that account's rights. In
a SECURITY DEFINER function nothing gives it back those of the superuser that carries. The same holds for the
proof, which calls the functions of checks. The function is the account's own, so each text gets a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..load.script import database_reason
from ..load.still_true import broken, locked_to_write, proofs_after, refuse_broken
from ..postgres.dsn import Cursor
from ..postgres.session import reset

_OWNER = """
SELECT pg_get_userbyid(relowner)::text FROM pg_class
WHERE oid = to_regclass('reingest.load_transform') AND relkind = 'r'
"""
_MAKE = """
CREATE FUNCTION pg_temp.reingest_again(script text) RETURNS {returns} LANGUAGE plpgsql SECURITY DEFINER
AS 'BEGIN {how} EXECUTE script; END';
ALTER FUNCTION pg_temp.reingest_again(text) OWNER TO {owner};
"""
_PATH = """SET LOCAL search_path = "$user", public"""
_CALL = "SELECT pg_temp.reingest_again(%s::pg_catalog.text)"
_END = "DROP FUNCTION IF EXISTS pg_temp.reingest_again(text)"


def run_again(cursor: Cursor) -> tuple[str, ...]:
    """Run these transforms in the caller's transaction, each with the session's own settings, as after them.

    What tables that they wrote must hold, and those that name them, is proven at the end. Users' rows are not
    looked at here: the caller compares them.

    Returns:
        their names.

    Raises:
        Refusal: PostgreSQL refuses one, or rows that were left break a reference or a check.
    """
    cursor.execute(_OWNER)
    owner = cursor.fetchone()
    if owner is None:
        return ()
    cursor.execute("SELECT name, script FROM reingest.load_transform ORDER BY position")
    transforms = cursor.fetchall()
    names = tuple(name for name, _ in transforms)
    wrote: dict[int, Sequence[str]] = {}
    before = locked_to_write(cursor) if transforms else frozenset()
    for at, (name, script) in enumerate(transforms):
        try:
            _with_rights_of(cursor, owner[0], script)
        except psycopg2.Error as error:
            raise Refusal(
                f"the transform {name} cannot be run again with the users' rows (transform_again): "
                f"{database_reason(error)}; correct it, and load again"
            ) from error
        for oid, _ in locked_to_write(cursor) - before:
            wrote.setdefault(oid, names[at:])  # a later one that wrote it, too, shows no more
    if wrote:
        _prove(cursor, owner[0], wrote)
    return names


def _prove(cursor: Cursor, owner: str, wrote: dict[int, Sequence[str]]) -> None:
    def ask(query: str) -> list[str]:
        return [str(value) for (value,) in _with_rights_of(cursor, owner, query, asked=True)]

    try:
        refuse_broken([(one, *broken(one, ask)) for one in proofs_after(cursor.connection, wrote)])
    except psycopg2.Error as error:
        raise Refusal(
            "what the transforms that were run again (transform_again) left cannot be proven: "
            f"{database_reason(error)}; correct them, and load again"
        ) from error


def _with_rights_of(cursor: Cursor, owner: str, text: str, *, asked: bool = False) -> list[tuple[Any, ...]]:
    """Run a text as an account, under the search path of its users, and return what was ``asked``."""
    made = {"returns": "SETOF text", "how": "RETURN QUERY"} if asked else {"returns": "void", "how": ""}
    words = {name: sql.SQL(word) for name, word in made.items()}
    cursor.execute(_END)
    cursor.execute(sql.SQL(_MAKE).format(owner=sql.Identifier(owner), **words))
    cursor.execute(_PATH)
    cursor.execute(_CALL, (text,))
    rows = cursor.fetchall()
    reset(cursor)
    cursor.execute(_END)
    return list(rows)
