"""Production's other databases: a switch replaces the whole cluster, so each that is in use is declared."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..postgres.dsn import Connection, Cursor, connect, with_database
from .finding import Finding

DATABASES = "databases"
_FIRST_OID = 16384  # what is not PostgreSQL's own: FirstNormalObjectId
_SHOWN = 3  # names of objects in a message
_TIMEOUT_MS = 60_000

# One that a copy has replaced, and that could not be deleted then, holds nothing that anybody needs.
_OTHERS = r"""
SELECT datname, datallowconn FROM pg_database
WHERE datname NOT IN ('template0', %s) AND datname !~ '^reingest_replaced_[0-9a-f]{32}$' ORDER BY 1
"""
# Indexes and TOAST tables come with their tables. A table of an extension comes with it, apart from the rows
# that its users wrote (jobs of pg_cron), which the second query looks at.
_OBJECTS = """
WITH own AS (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), spaces AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_(temp|toast)'
)
SELECT 'relation', n.nspname || '.' || c.relname
FROM pg_catalog.pg_class c JOIN spaces n ON n.oid = c.relnamespace
WHERE c.oid >= %(first)s AND c.relkind NOT IN ('i', 'I', 't')
    AND NOT EXISTS (SELECT FROM own WHERE classid = 'pg_catalog.pg_class'::regclass AND objid = c.oid)
UNION ALL
SELECT 'function', n.nspname || '.' || p.proname
FROM pg_catalog.pg_proc p JOIN spaces n ON n.oid = p.pronamespace
WHERE p.oid >= %(first)s
    AND NOT EXISTS (SELECT FROM own WHERE classid = 'pg_catalog.pg_proc'::regclass AND objid = p.oid)
UNION ALL
SELECT 'type', n.nspname || '.' || t.typname
FROM pg_catalog.pg_type t JOIN spaces n ON n.oid = t.typnamespace
WHERE t.oid >= %(first)s AND t.typtype IN ('d', 'e', 'r')
    AND NOT EXISTS (SELECT FROM own WHERE classid = 'pg_catalog.pg_type'::regclass AND objid = t.oid)
UNION ALL
SELECT 'schema', n.nspname
FROM spaces n
WHERE n.oid >= %(first)s
    AND NOT EXISTS (SELECT FROM own WHERE classid = 'pg_catalog.pg_namespace'::regclass AND objid = n.oid)
UNION ALL
SELECT 'large object', oid::text FROM pg_catalog.pg_largeobject_metadata
ORDER BY 1, 2
"""
_CONFIGURED = """
SELECT e.extname, n.nspname, c.relname, coalesce(e.extcondition[at.n], '')
FROM pg_catalog.pg_extension e
CROSS JOIN LATERAL unnest(e.extconfig) WITH ORDINALITY AS at (relation, n)
JOIN pg_catalog.pg_class c ON c.oid = at.relation AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2, 3
"""
_PLAIN = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True)
class OtherDatabase:
    """A database of production that is not the portal's.

    ``holds`` says what is in it; empty where nothing is. ``unknown`` says why that cannot be told.
    """

    name: str
    holds: str = ""
    unknown: str = ""

    def __str__(self) -> str:
        """Return it for a message."""
        if self.unknown:
            return f"what {self.name} holds cannot be told: {self.unknown}"
        return f"{self.name} holds {self.holds or 'nothing'}"


def other_databases(dsn: str, portal: str) -> tuple[OtherDatabase, ...]:
    """Return a server's databases but the portal's and ``template0``, each with what it holds.

    Args:
        dsn: a login to the server; without the right to connect to a database it cannot tell what is in it.
        portal: the portal's database.

    Raises:
        Refusal: the server does not answer.
    """
    with (
        closing(connect(with_database(dsn, "postgres"), autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_OTHERS, (portal,))
        found = cursor.fetchall()
    return tuple(_looked_at(dsn, name, open_=open_) for name, open_ in found)


def undeclared(
    databases: Collection[OtherDatabase], declared: Collection[str], file: str
) -> Iterator[Finding]:
    """Yield one finding with all databases that hold something, or may, and that nobody declared.

    Args:
        databases: what ``other_databases`` returned.
        declared: the names under `databases:` of the dataset.
        file: the dataset's, for the message.
    """
    open_ = [one for one in databases if (one.holds or one.unknown) and one.name not in declared]
    if not open_:
        return
    said = "; ".join(map(str, open_))
    lines = ", ".join(f"{_key(one.name)}: ignore" for one in open_)
    yield Finding(
        DATABASES,
        "a switch replaces the whole cluster, and production has databases that the dataset does not "
        f"declare ({said})",
        f"add `databases: {{{lines}}}` to {file}, which leaves them behind, with `portal` for one that "
        "is to be carried whole, or move them to another server",
        acceptable=False,
    )


def _looked_at(dsn: str, name: str, *, open_: bool) -> OtherDatabase:
    if not open_:
        return OtherDatabase(name, unknown="it allows no connections (datallowconn)")
    try:
        with closing(connect(with_database(dsn, name))) as connection:
            connection.set_session(readonly=True)
            with connection.cursor() as cursor:
                # Nothing that somebody put into a schema there may stand for a function of ours.
                cursor.execute("SELECT pg_catalog.set_config('search_path', 'pg_catalog', false)")
                cursor.execute(
                    "SELECT pg_catalog.set_config('statement_timeout', %s, false)", (str(_TIMEOUT_MS),)
                )
                return OtherDatabase(name, holds=_held(connection, cursor))
    except Refusal as error:
        return OtherDatabase(name, unknown=str(error))
    except psycopg2.Error as error:
        reason = error.diag.message_primary or str(error).strip().partition("\n")[0]
        return OtherDatabase(name, unknown=reason)


def _held(connection: Connection, cursor: Cursor) -> str:
    cursor.execute(_OBJECTS, {"first": _FIRST_OID})
    found: dict[str, list[str]] = {}
    for kind, name in cursor.fetchall():
        found.setdefault(kind, []).append(name)
    parts = [_counted(kind, names) for kind, names in found.items()]
    cursor.execute(_CONFIGURED)
    for extension, schema, relation, condition in cursor.fetchall():
        # pg_dump asks the same: the condition is the extension's own, of its control script.
        table = sql.Identifier(schema, relation)
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} {})").format(table, sql.SQL(condition))
        cursor.execute(query)
        if cursor.fetchone()[0]:
            parts.append(f"rows of extension {extension} in {schema}.{relation}")
    connection.rollback()
    return ", ".join(parts)


def _counted(kind: str, names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return f"{len(names)} {kind}{'s' if len(names) > 1 else ''} ({shown})"


def _key(name: str) -> str:
    """Return a name as a key of YAML."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)
