"""Materialised views that a switch leaves for after its window: written down with the rows, refreshed later.

What waits stands in the database, in the transaction that puts the rows: whoever is killed before all are
refreshed leaves the rest to the next run. They are refreshed by a superuser, with their owners' rights, and
nothing here trusts what those may change: the table of what waits is made anew, by us.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field

import psycopg2
from psycopg2 import sql
from psycopg2.extras import execute_values

from ..dataset.table_name import table_name
from ..errors import Refusal
from ..load.script import database_reason, refused
from ..load.views import views_over
from ..postgres.dsn import Connection, Cursor
from ..postgres.session import pinned
from ..volume.layout import Volume
from ..volume.pending_views import PendingViews, forget_pending, pending_here
from .fence import identifier_of
from .unit import Relation

_IS_TABLE = "SELECT FROM pg_class WHERE oid = to_regclass('reingest.load_view') AND relkind = 'r'"
_DECLARED = "SELECT name FROM reingest.load_view"
_VIEWS = """
SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm'
"""
_EMPTY = "DROP TABLE IF EXISTS reingest.pending_view"
_MAKE = """
CREATE TABLE reingest.pending_view (
    position int PRIMARY KEY, -- the order in which they are refreshed
    schema text NOT NULL,
    name text NOT NULL -- of a materialised view that a switch left for after its window
);
GRANT SELECT ON reingest.pending_view TO PUBLIC
"""
# One that somebody else made is not ours: a trigger of it would run with our rights.
_IS_OURS = """
SELECT r.rolsuper AND c.relkind = 'r' FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
WHERE c.oid = to_regclass('reingest.pending_view')
"""
_PENDING = "SELECT position, schema, name FROM reingest.pending_view ORDER BY position"
_HOLD = "SELECT FROM reingest.pending_view WHERE position = %s FOR UPDATE"
_DONE = "DELETE FROM reingest.pending_view WHERE position = %s"
# The second: whether PostgreSQL can refresh it beside its readers.
_FOUND = """
SELECT c.oid, EXISTS (
    SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am a ON a.oid = x.relam
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND a.amname = 'btree'
      AND i.indpred IS NULL AND 0 <> ALL (i.indkey::int2[]))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind = 'm' AND c.relispopulated
"""
# A reader that holds a view for ever keeps the others waiting behind us no longer than this.
_PATIENCE = "SET LOCAL lock_timeout = '60s'; SET LOCAL search_path = \"$user\", public"
_UNPINNED = "SET LOCAL search_path = pg_catalog, pg_temp"
_ENDS_WITH_US = "SET client_connection_check_interval = '10s'"  # a refresh for a client that is gone


@dataclass
class Refreshed:
    """What became of views that waited."""

    did: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def views_to_leave(cursor: Cursor) -> list[Relation]:
    """Return the views that a load's dataset leaves for after the window, and their readers, in order."""
    cursor.execute(_IS_TABLE)
    if cursor.fetchone() is None:  # no load of reingest, or one of before there was a choice
        return []
    cursor.execute(_DECLARED)
    names = {name for (name,) in cursor.fetchall()}
    if not names:
        return []
    cursor.execute(_VIEWS)
    oids = [oid for oid, *view in cursor.fetchall() if table_name(*view) in names]
    return views_over(cursor, oids)


def leave_views(cursor: Cursor) -> tuple[str, ...]:
    """Write down which views wait, in the caller's transaction, and return their names."""
    views = views_to_leave(cursor)
    cursor.execute(_EMPTY)
    if views:
        cursor.execute(_MAKE)
        rows = [(position, *view) for position, view in enumerate(views)]
        execute_values(cursor, "INSERT INTO reingest.pending_view VALUES %s", rows)
    return tuple(table_name(*view) for view in views)


def refresh_pending(volume: Volume, login: str, *, dry: bool = False) -> Refreshed:
    """Refresh the views that wait in the database that serves; what stands against it is a warning.

    Args:
        volume: the volume.
        login: production's connection string, of a superuser.
        dry: check mode.
    """
    made = Refreshed()
    try:
        note = pending_here(volume)
        if note is None:
            return made
        if dry:
            made.did += [_done(name) for name in note.views]
            return made
        with (
            refused("refreshing materialised views", "production"),
            closing(pinned(login, note.database, application_name="reingest views")) as session,
        ):
            if _refresh_all(session, note, made):
                forget_pending(volume, note.server)
    except (Refusal, OSError) as error:
        made.warnings.append(
            "materialised views that the switch left for later are not refreshed yet "
            f"({str(error).strip()}): correct that, then run recover.yml"
        )
    return made


def _refresh_all(session: Connection, note: PendingViews, made: Refreshed) -> bool:
    """Refresh one after the other; return whether none waits any more."""
    if identifier_of(session) != note.server:
        raise Refusal("another server answers: correct production's connection string")
    with session.cursor() as cursor:
        cursor.execute(_ENDS_WITH_US)
        cursor.execute(_IS_OURS)
        ours = cursor.fetchone()
        if ours is None:  # the switch died before its rows were there, or another run refreshed them
            session.rollback()
            return True
        if not ours[0]:
            names = ", ".join(note.views)
            raise Refusal(
                f"reingest.pending_view is not as the switch made it: refresh {names} yourself, then drop it"
            )
        cursor.execute(_PENDING)
        waiting = cursor.fetchall()
        session.commit()
        kept: set[Relation] = set()  # those that failed, and what reads them: it comes again behind them
        for position, *names in waiting:
            view: Relation = (names[0], names[1])
            kept |= _refresh(session, cursor, position, view, made, keep=view in kept)
    return not kept


def _refresh(
    session: Connection, cursor: Cursor, position: int, view: Relation, made: Refreshed, *, keep: bool
) -> set[Relation]:
    """Refresh one, and take it from those that wait; where it fails, return what waits on with it."""
    statement = _statement(session, view, beside=False)
    try:
        cursor.execute(_HOLD, (position,))  # another process may be at it: waited for, without an end
        cursor.execute(_FOUND, view)
        found = cursor.fetchone()
        if found is not None:  # else it is gone, or somebody emptied it since
            statement = _statement(session, view, beside=found[1])
            cursor.execute(_PATIENCE)
            cursor.execute(statement)
            cursor.execute(_UNPINNED)
        if not keep:
            cursor.execute(_DONE, (position,))
        session.commit()
    except psycopg2.Error as error:
        made.warnings.append(
            f"materialised view {table_name(*view)} does not show users' rows, and the switch is done: it "
            f"cannot be refreshed ({database_reason(error)}): correct that, then run: {statement}; the next "
            "run tries it again, too"
        )
        if session.closed:
            raise
        session.rollback()
        return {view, *_readers(session, cursor, view)}
    if found is not None:
        made.did.append(_done(table_name(*view)))
        with suppress(psycopg2.Error):  # after the commit: readers wait for no statistics
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*view)))
        session.commit()
    return {view} if keep else set()


def _readers(session: Connection, cursor: Cursor, view: Relation) -> Iterable[Relation]:
    cursor.execute(_FOUND, view)
    found = cursor.fetchone()
    readers = views_over(cursor, [found[0]]) if found is not None else []
    session.rollback()
    return readers


def _statement(session: Connection, view: Relation, *, beside: bool) -> str:
    how = "CONCURRENTLY " if beside else ""
    made = sql.SQL("REFRESH MATERIALIZED VIEW " + how + "{}").format(sql.Identifier(*view))
    return str(made.as_string(session))


def _done(name: str) -> str:
    return f"refresh materialised view {name}"
