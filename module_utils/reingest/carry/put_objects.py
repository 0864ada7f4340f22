"""Put large objects into the database that is to serve, in the transaction of the rows that name them.

What is known of each object and its pages come into temporary tables; the server makes the objects from
there, without a round trip for each. An object that is there already is filled anew where it differs. Neither
takes a lock for each object. What does (owners that changed, comments, removing what no row names any more)
follows the transaction in batches: all in one would be more locks than a server has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from psycopg2 import sql

from ..ownership.checksum import Content, fetched
from ..postgres.dsn import Connection, Cursor
from .named_objects import GRANTS, PLACE, SHOWN, Stream, hash_of_page, named, naming, refused_numbers
from .stream import BLOCK
from .unit import Unit

_BATCH = 1000
_WRITE = 0x20000  # INV_WRITE of libpq-fs.h
_TABLES = """
CREATE TEMPORARY TABLE object
    (loid oid, owner text, grants jsonb, comment text, there boolean NOT NULL DEFAULT false);
CREATE TEMPORARY TABLE page (loid oid, place bigint, data bytea) ON COMMIT DROP;
ALTER TABLE pg_temp.page ALTER data SET STORAGE PLAIN;
"""
_LEFT_OUT = """
WITH gone AS (
    DELETE FROM pg_temp.object o WHERE NOT EXISTS (SELECT FROM pg_temp.named n WHERE n.loid = o.loid)
    RETURNING 1
), pages AS (
    DELETE FROM pg_temp.page p WHERE NOT EXISTS (SELECT FROM pg_temp.named n WHERE n.loid = p.loid)
    RETURNING *
)
SELECT (SELECT count(*) FROM gone), (SELECT coalesce(sum({hash}), 0) FROM pages p)
"""
_CLASH = """
SELECT o.loid FROM pg_temp.object o
WHERE o.loid IN (SELECT loid FROM reingest.load_object) ORDER BY 1 LIMIT {}
"""
_GONE = """
CREATE TEMPORARY TABLE gone AS SELECT m.oid AS loid FROM pg_largeobject_metadata m
WHERE m.oid IN (SELECT loid FROM pg_temp.earlier)
  AND NOT EXISTS (SELECT FROM pg_temp.object o WHERE o.loid = m.oid)
  AND NOT EXISTS (SELECT FROM pg_temp.beside b WHERE b.loid = m.oid)
  AND NOT EXISTS (SELECT FROM reingest.load_object l WHERE l.loid = m.oid)
"""
_REMOVE = f"""
WITH next AS (
    DELETE FROM pg_temp.gone WHERE loid IN (SELECT loid FROM pg_temp.gone LIMIT {_BATCH}) RETURNING loid
) SELECT count(lo_unlink(n.loid)) FROM next n
"""  # noqa: S608 - constants
_THERE = """
UPDATE pg_temp.object o SET there = true FROM pg_largeobject_metadata m WHERE m.oid = o.loid
"""
# Most of those that are there already are as they were when they were put before.
_CHANGED = f"""
CREATE TEMPORARY TABLE changed ON COMMIT DROP AS
SELECT DISTINCT loid FROM (
    SELECT p.loid, p.place, p.data FROM pg_temp.page p JOIN pg_temp.object o USING (loid) WHERE o.there
) AS p FULL JOIN (
    SELECT l.loid, {PLACE} AS place, l.data FROM pg_largeobject l
    WHERE l.loid IN (SELECT loid FROM pg_temp.object)
) AS l USING (loid, place) WHERE p.data IS DISTINCT FROM l.data;
DELETE FROM pg_temp.page p USING pg_temp.object o
WHERE o.loid = p.loid AND o.there AND NOT EXISTS (SELECT FROM pg_temp.changed c WHERE c.loid = p.loid)
"""  # noqa: S608 - constants
# Each is cut to nothing, and then to where an empty page is: it makes an object longer than its content.
_CUT = f"""
SELECT count(lo_close(f.handle + lo_truncate64(f.handle, f.place))) FROM (
    SELECT lo_open(c.loid, {_WRITE}) AS handle, c.place FROM (
        SELECT loid, place FROM {{of}} ORDER BY loid, place) AS c
    OFFSET 0) AS f
"""  # noqa: S608 - constants
# Where pages were cut off the last one comes first: else each would pass the remains of all behind it.
_FILL = """
SELECT count(lo_put(p.loid, p.place, p.data)) FROM (
    SELECT p.loid, p.place, p.data FROM pg_temp.page p JOIN pg_temp.object o USING (loid) WHERE p.data <> ''
    ORDER BY p.loid, CASE WHEN o.there THEN -p.place ELSE p.place END) AS p
"""
_OWNERS = """
SELECT DISTINCT o.owner, r.oid IS NOT NULL AND has_function_privilege(r.oid, 'lo_create(oid)', 'EXECUTE')
FROM pg_temp.object o LEFT JOIN pg_roles r ON r.rolname = o.owner ORDER BY 1
"""
_ROLES = """
SELECT DISTINCT name FROM (
    SELECT owner FROM pg_temp.object
    UNION SELECT g ->> 0 FROM pg_temp.object o, jsonb_array_elements(o.grants) g
) AS n (name) WHERE name IS NOT NULL AND name NOT IN (SELECT rolname FROM pg_roles) ORDER BY 1
"""
_OTHERS = """
SELECT o.loid, pg_get_userbyid(m.lomowner), o.owner, {grants}, o.grants,
       obj_description(m.oid, 'pg_largeobject'), o.comment
FROM pg_temp.object o JOIN pg_largeobject_metadata m ON m.oid = o.loid
WHERE o.loid > {after}::oid AND (pg_get_userbyid(m.lomowner) <> o.owner OR {grants} <> o.grants
   OR obj_description(m.oid, 'pg_largeobject') IS DISTINCT FROM o.comment)
ORDER BY o.loid LIMIT {most}
"""
Source = Callable[[Stream], AbstractContextManager[Any]]


@dataclass(frozen=True)
class ObjectsPut:
    """What became of large objects beside those that are there now."""

    left_out: Content = field(default_factory=Content)  # only rows named them which were not put
    told: tuple[str, ...] = ()  # what a person should know


def note_objects(connection: Connection, units: Sequence[Unit], beside: Sequence[Unit]) -> None:
    """Write down which large objects of a database are users', before their rows are replaced.

    Those that are nobody's the first time are the load's own, for ever: no user's may take their number.

    Args:
        connection: the session of the put.
        units: the rows that are replaced.
        beside: rows of users that stay as they are.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_largeobject_metadata)")
        if not cursor.fetchone()[0] and not naming(units):
            return
        for name, rows in (("earlier", units), ("beside", beside)):
            cursor.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {}").format(
                    sql.Identifier(name), named(connection, rows, put=True)
                )
            )
        cursor.execute(
            "CREATE SCHEMA IF NOT EXISTS reingest;"
            "CREATE TABLE IF NOT EXISTS reingest.load_object AS SELECT m.oid AS loid"
            " FROM pg_largeobject_metadata m"
            " WHERE NOT EXISTS (SELECT FROM pg_temp.earlier e WHERE e.loid = m.oid)"
            " AND NOT EXISTS (SELECT FROM pg_temp.beside b WHERE b.loid = m.oid);"
            "COMMENT ON TABLE reingest.load_object IS 'Large objects of the load itself, which no user made';"
            "GRANT SELECT ON reingest.load_object TO PUBLIC"
        )


def put_objects(connection: Connection, units: Sequence[Unit], source: Source) -> ObjectsPut:
    """Make the large objects that the rows name which were put; ``note_objects`` came before the rows.

    Raises:
        Refusal: an object has the number of one of the load's own.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        with source(Stream.OBJECTS) as rows:
            cursor.copy_expert(
                "COPY pg_temp.object (loid, owner, grants, comment) FROM STDIN", rows, size=BLOCK
            )
        with source(Stream.PAGES) as rows:
            cursor.copy_expert("COPY pg_temp.page FROM STDIN (FORMAT binary)", rows, size=BLOCK)
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE named ON COMMIT DROP AS {}").format(
                named(connection, units, put=True)
            )
        )
        cursor.execute("ANALYZE pg_temp.object, pg_temp.page, pg_temp.named, pg_temp.earlier")
        cursor.execute(sql.SQL(_LEFT_OUT).format(hash=hash_of_page("p.loid", "p.place", "p.data")))
        left_out = fetched(cursor)
        cursor.execute(sql.SQL(_CLASH).format(sql.Literal(SHOWN)))
        taken = [str(oid) for (oid,) in cursor.fetchall()]
        if taken:
            raise refused_numbers(units, taken)
        cursor.execute(_GONE)
        cursor.execute(_THERE)
        cursor.execute(_CHANGED)
        _make(cursor)
        for of in (
            "(SELECT loid, 0::bigint AS place FROM pg_temp.changed) AS c",
            "pg_temp.page WHERE data = ''",
        ):
            cursor.execute(_CUT.format(of=of))
        cursor.execute(_FILL)
        cursor.execute(_ROLES)
        missing = ", ".join(name for (name,) in cursor.fetchall())
    told = f"large objects are not owned by, or granted to, roles that are not there: {missing}"
    return ObjectsPut(left_out, (told,) if missing else ())


def finish_objects(connection: Connection) -> None:
    """Give the objects their owners, grants and comments where they differ, and remove what no row names now.

    The put is committed, the session is in autocommit, and nobody else is in the database yet. Who is killed
    here comes again with the same put; or leaves objects that nothing names.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_temp.object') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return
        _give_rights(cursor)
        removed = 1
        while removed:
            cursor.execute(_REMOVE)
            removed = cursor.fetchone()[0]


def _make(cursor: Cursor) -> None:
    """Make the objects that are not there, each as its owner: changing it later would lock each."""
    cursor.execute(_OWNERS)
    for owner, may in cursor.fetchall():
        make = sql.SQL(
            "SELECT count(lo_create(o.loid)) FROM pg_temp.object o WHERE NOT o.there AND o.owner = {}"
        ).format(sql.Literal(owner))
        if not may:  # or it is no role here
            cursor.execute(make)
            continue
        role = sql.Identifier(owner)
        cursor.execute(sql.SQL("GRANT SELECT ON pg_temp.object TO {}; SET LOCAL ROLE {}").format(role, role))
        cursor.execute(make)
        cursor.execute("RESET ROLE")


def _give_rights(cursor: Cursor) -> None:
    cursor.execute("SELECT rolname FROM pg_roles")
    roles = {name for (name,) in cursor.fetchall()}
    query, last = sql.SQL(_OTHERS), 0
    while True:
        cursor.execute(query.format(grants=GRANTS, after=sql.Literal(last), most=sql.Literal(_BATCH)))
        rows = cursor.fetchall()
        if not rows:
            return
        last = int(rows[-1][0])
        statements = [statement for row in rows for statement in _rights(row, roles)]
        if statements:
            cursor.execute(sql.SQL("; ").join(statements))


def _rights(row: tuple[Any, ...], roles: set[str]) -> Iterator[sql.Composable]:
    oid, is_owner, owner, given, grants, said, comment = row
    number = sql.Literal(int(oid))
    if owner != is_owner and owner in roles:
        yield sql.SQL("ALTER LARGE OBJECT {} OWNER TO {}").format(number, sql.Identifier(owner))
    if (owner, grants) != (is_owner, given):
        for name in {owner, *(one[0] for one in given)}:
            if name is None or name in roles:
                yield sql.SQL("REVOKE ALL ON LARGE OBJECT {} FROM {} CASCADE").format(number, _grantee(name))
        for name, privilege, grantable in grants:
            if (name is None or name in roles) and privilege in ("SELECT", "UPDATE"):
                option = sql.SQL(" WITH GRANT OPTION" if grantable else "")
                yield sql.SQL("GRANT {} ON LARGE OBJECT {} TO {}{}").format(
                    sql.SQL(privilege), number, _grantee(name), option
                )
    if said != comment:
        yield sql.SQL("COMMENT ON LARGE OBJECT {} IS {}").format(number, sql.Literal(comment))


def _grantee(name: str | None) -> sql.Composable:
    return sql.SQL("PUBLIC") if name is None else sql.Identifier(name)
