"""Whether a load can be used as it stands: nothing in it is broken, switched off, or empty for no reason.

What production has in the same state is somebody's decision and no finding; a broken index never is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ..dataset.table_name import table_name
from ..frame.finding import Finding
from ..postgres.dsn import Connection

UNPOPULATED, INDEX, CONSTRAINT = "unpopulated", "index", "constraint"
TRIGGER, UNLOGGED, COLLATION = "trigger", "unlogged", "collation"

# Extensions look after their own.
_OURS = """
n.nspname NOT IN ('information_schema', 'reingest') AND n.nspname !~ '^pg_' AND c.relpersistence <> 't'
AND NOT EXISTS (SELECT FROM pg_depend e
                WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
"""
_VIEWS = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND NOT c.relispopulated AND {_OURS} ORDER BY 1, 2
"""  # noqa: S608 - constants of this file
_INDEXES = f"""
SELECT n.nspname, x.relname, c.relname, x.relkind = 'I'
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND {_OURS} ORDER BY 1, 2
"""  # noqa: S608 - constants of this file
# to_jsonb: only PostgreSQL 18 has the column. Children have what their parents have.
_CONSTRAINTS = f"""
SELECT n.nspname, c.relname, k.conname, 'TABLE', to_jsonb(k) ->> 'conenforced' = 'false'
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT k.convalidated AND k.conislocal AND k.conparentid = 0 AND {_OURS}
UNION ALL
SELECT n.nspname, t.typname, k.conname, 'DOMAIN', false
FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE NOT k.convalidated AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1, 2, 3
"""  # noqa: S608 - constants of this file
# A trigger of the server's own is shown as the reference that it keeps; one of a partition as its parent's.
_TRIGGERS = f"""
SELECT DISTINCT n.nspname, c.relname, coalesce(k.conname, t.tgname), t.tgisinternal
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint k ON t.tgisinternal AND k.oid = t.tgconstraint
WHERE t.tgenabled = 'D' AND {_OURS}
  AND NOT EXISTS (SELECT FROM pg_trigger p WHERE p.oid = t.tgparentid AND p.tgenabled = 'D') ORDER BY 1, 2, 3
"""  # noqa: S608 - constants of this file
# Partitions by themselves; a partitioned table has no rows of its own, and 18 has no unlogged ones.
_UNLOGGED = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND {_OURS} ORDER BY 1, 2
"""  # noqa: S608 - constants of this file
# Since PostgreSQL 15.
_DEFAULT_COLLATION = """
SELECT datname, datcollversion, coalesce(pg_database_collation_actual_version(oid), 'none') FROM pg_database
WHERE datname = current_database()
  AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
  AND datcollversion IS NOT NULL
"""
_COLLATIONS = """
SELECT n.nspname, k.collname, k.collversion, coalesce(pg_collation_actual_version(k.oid), 'none'),
       min(i.indexrelid::regclass::text)
FROM pg_collation k JOIN pg_namespace n ON n.oid = k.collnamespace
JOIN pg_index i ON k.oid = ANY(i.indcollation)
WHERE k.collversion IS NOT NULL AND k.collversion IS DISTINCT FROM pg_collation_actual_version(k.oid)
GROUP BY k.oid, 1, 2, 3 ORDER BY 1, 2
"""


def whole_findings(
    staging: Connection, production: Connection | None, unpopulated: Collection[str]
) -> Iterator[Finding]:
    """Yield what of a load cannot be used as it stands.

    Args:
        staging: the load.
        production: production; None where there is none to compare with.
        unpopulated: the materialised views that the dataset leaves empty.
    """
    for view in _rows(staging, _VIEWS):
        if table_name(*view) not in unpopulated:
            yield _unpopulated(table_name(*view))
    for schema, index, table, partitioned in _rows(staging, _INDEXES):
        yield _invalid(table_name(schema, index), table_name(schema, table), partitioned=partitioned)
    for query, found in (
        (_CONSTRAINTS, _constraint), (_TRIGGERS, _trigger), (_UNLOGGED, _unlogged)
    ):  # fmt: skip
        same = set(_rows(production, query)) if production is not None else set()
        for row in _rows(staging, query):
            if row not in same:
                yield found(*row)
    yield from _collations(staging)


def _rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _unpopulated(view: str) -> Finding:
    return Finding(
        f"{UNPOPULATED}:{view}",
        f"materialised view {view} is not populated: whoever reads it gets an error",
        "load again, which refreshes it; if it is to stay so, declare it in the dataset "
        f"(views: {{{view}: {UNPOPULATED}}})",
    )


def _invalid(index: str, table: str, *, partitioned: bool) -> Finding:
    remedy = (
        "make the index that a partition lacks, and attach it (ALTER INDEX ... ATTACH PARTITION)"
        if partitioned
        else f"REINDEX INDEX {index}, or drop it"
    )
    return Finding(
        f"{INDEX}:{index}",
        f"index {index} of table {table} is invalid: no query uses it, and a unique one proves nothing",
        f"{remedy}, in the schema, the loader or a transform, and load again",
    )


def _constraint(schema: str, relation: str, name: str, kind: str, unenforced: bool | None) -> Finding:
    subject = table_name(schema, relation)
    state = "not enforced" if unenforced else "NOT VALID: rows that were there before may break it"
    remedy = (
        f"ALTER TABLE {subject} ALTER CONSTRAINT {name} ENFORCED, or leave it out"
        if unenforced
        else f"ALTER {kind} {subject} VALIDATE CONSTRAINT {name} in a transform, or correct the schema"
    )
    return Finding(
        f"{CONSTRAINT}:{subject}.{name}", f"constraint {name} of {kind.lower()} {subject} is {state}", remedy
    )


def _trigger(schema: str, relation: str, name: str, internal: bool) -> Finding:
    subject = table_name(schema, relation)
    message = (
        f"the server's own triggers of constraint {name} are disabled on table {subject}: no row is checked"
        if internal
        else f"trigger {name} of table {subject} is disabled"
    )
    which = "ALL" if internal else name
    return Finding(
        f"{TRIGGER}:{subject}.{name}",
        message,
        f"ALTER TABLE {subject} ENABLE TRIGGER {which} in the schema, the loader or a transform",
    )


def _unlogged(schema: str, relation: str) -> Finding:
    table = table_name(schema, relation)
    return Finding(
        f"{UNLOGGED}:{table}",
        f"table {table} is unlogged: the first crash would empty it",
        f"take UNLOGGED out of the schema, or ALTER TABLE {table} SET LOGGED in a transform",
    )


def _collations(staging: Connection) -> Iterator[Finding]:
    if staging.server_version >= 150000:
        for database, made, actual in _rows(staging, _DEFAULT_COLLATION):
            yield Finding(
                f"{COLLATION}:default",
                f"database {database} was made by version {made} of its collation, the server has {actual}: "
                "indexes of texts may be out of order",
                f"load again with reingest_force, or REINDEX DATABASE {database} and "
                f"ALTER DATABASE {database} REFRESH COLLATION VERSION",
            )
    for schema, name, made, actual, index in _rows(staging, _COLLATIONS):
        collation = table_name(schema, name)
        yield Finding(
            f"{COLLATION}:{collation}",
            f"collation {collation} is of version {made}, the server has {actual}: indexes that use it, "
            f"such as {index}, may be out of order",
            "load again with reingest_force; if it is found again, the server was made by another image: "
            f"ALTER COLLATION {collation} REFRESH VERSION in a transform",
        )
