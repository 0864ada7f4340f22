"""Materialised views: refreshed in order, each after what it reads."""

from __future__ import annotations

from collections.abc import Collection

import psycopg2
from psycopg2 import sql

from ..dataset.table_name import table_name
from ..errors import Refusal
from ..postgres.dsn import Cursor
from .script import database_reason

# What reads relations, also by way of views and of functions whose bodies PostgreSQL keeps parsed. Functions
# may call each other in a circle: no schema is a hundred deep.
_VIEWS = """
WITH RECURSIVE reads AS (
    SELECT 'pg_class'::regclass::oid AS kind, c.oid, 0 AS depth FROM pg_class c
    WHERE CASE WHEN %(over)s::oid[] IS NULL THEN c.relkind = 'm' ELSE c.oid = ANY(%(over)s) END
    UNION
    SELECT CASE WHEN v.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass::oid END,
           coalesce(v.oid, d.objid), r.depth + 1
    FROM reads r
    JOIN pg_depend d ON d.refclassid = r.kind AND d.refobjid = r.oid
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    LEFT JOIN pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm')
    WHERE r.depth < 100
      AND (v.oid IS NOT NULL AND NOT (r.kind = 'pg_class'::regclass AND v.oid = r.oid)
           OR d.classid = 'pg_proc'::regclass AND NOT (r.kind = d.classid AND d.objid = r.oid))
)
SELECT n.nspname, c.relname FROM reads r JOIN pg_class c ON c.oid = r.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.kind = 'pg_class'::regclass AND c.relkind = 'm' AND (%(over)s::oid[] IS NULL OR c.relispopulated)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
GROUP BY 1, 2 ORDER BY max(r.depth), 1, 2
"""
_ALL = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm'
"""


def read_views(cursor: Cursor) -> set[str]:
    """Return the names of all materialised views."""
    cursor.execute(_ALL)
    return {table_name(*relation) for relation in cursor.fetchall()}


def views_over(cursor: Cursor, over: Collection[int] | None) -> list[tuple[str, str]]:
    """Return materialised views in the order in which they are refreshed.

    Args:
        cursor: of the database.
        over: relations: they and what reads them, as far as it is populated. None: all, populated or not.
    """
    cursor.execute(_VIEWS, {"over": None if over is None else list(over)})
    return [(schema, name) for schema, name in cursor.fetchall()]


def refresh_views(
    cursor: Cursor, *, over: Collection[int] | None = None, leave: Collection[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Refresh materialised views in the caller's transaction, and return their schemas and names.

    Args:
        cursor: of a session whose search path is that of those who use the views.
        over: the relations whose rows are new: of the views that read them those that are populated. None:
            all views are refreshed, populated or not.
        leave: the names of those that stay as they are.

    Raises:
        Refusal: one cannot be refreshed.
    """
    views = [view for view in views_over(cursor, over) if table_name(*view) not in leave]
    if len(views) > 1:
        # What a function reads unseen is not in the order: emptied, it is an error, and not its old rows.
        for view in views:
            cursor.execute(_statement(view, " WITH NO DATA"))
    waiting = list(views)
    while waiting:
        reasons = {view: reason for view in waiting if (reason := _refresh(cursor, view))}
        if len(reasons) == len(waiting):
            view, reason = next(iter(reasons.items()))
            raise _refused(view, reason)
        waiting = list(reasons)
    return tuple(views)


def _refresh(cursor: Cursor, view: tuple[str, str]) -> str:
    """Refresh one; return why it must wait, because it reads another that is not populated yet."""
    cursor.execute("SAVEPOINT view")
    try:
        cursor.execute(_statement(view))
    except psycopg2.errors.ObjectNotInPrerequisiteState as error:
        cursor.execute("ROLLBACK TO SAVEPOINT view")
        return database_reason(error)
    except psycopg2.Error as error:
        raise _refused(view, database_reason(error)) from error
    cursor.execute("RELEASE SAVEPOINT view")
    return ""


def _statement(view: tuple[str, str], more: str = "") -> sql.Composable:
    return sql.SQL("REFRESH MATERIALIZED VIEW {}" + more).format(sql.Identifier(*view))


def _refused(view: tuple[str, str], reason: str) -> Refusal:
    name = table_name(*view)
    return Refusal(
        f"materialised view {name} cannot be refreshed: {reason}; correct the schema or the rows, or declare "
        f"in the dataset that it stays empty (views: {{{name}: unpopulated}})"
    )
