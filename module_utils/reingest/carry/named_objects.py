"""The large objects that users' rows name: which they are, what they sum up to, and how they are copied."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from enum import Enum

from psycopg2 import sql

from ..errors import Refusal
from ..ownership.checksum import Content, fetched, hash_of
from ..postgres.dsn import Composed, Connection
from .quarantine import has_quarantine, name_of
from .unit import Unit

SHOWN = 5
_BATCH = 10_000
# Of a row in quarantine: a text, which need not have been an OID when the row was set aside.
_ASIDE = """
SELECT CASE WHEN v ~ '^[0-9]{{1,10}}$' THEN CASE WHEN v::bigint < 4294967296 THEN v::bigint::oid END END
FROM (SELECT q.row_values[array_position(q.columns, {column})] AS v
      FROM reingest.quarantine q WHERE q.relation = {name}) AS aside
"""
# Who may do what with an object, whether or not anything was ever granted.
GRANTS = sql.SQL("""
(SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(
            CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee)::text END,
            x.privilege_type, x.is_grantable)), '[]')
 FROM aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) x)
""")
PLACE = "l.pageno::bigint * (current_setting('block_size')::integer / 4)"  # of a page, in bytes
_COPIES = {
    "objects": """
COPY (SELECT m.oid, pg_get_userbyid(m.lomowner), {grants}, obj_description(m.oid, 'pg_largeobject')
      FROM pg_largeobject_metadata m WHERE m.oid IN ({named})) TO STDOUT""",
    "pages": f"""
COPY (SELECT l.loid, {PLACE}, l.data FROM pg_largeobject l WHERE l.loid IN ({{named}}))
TO STDOUT (FORMAT binary)""",  # noqa: S608 - constants
}


class Stream(Enum):
    """What is copied of large objects; the value is the name of its file in the copy on the volume."""

    OBJECTS = "objects"
    PAGES = "pages"


def naming(units: Sequence[Unit]) -> list[Unit]:
    """Return the units whose rows name large objects."""
    return [unit for unit in units if unit.large_objects]


def tables_of(units: Sequence[Unit]) -> str:
    """Return the tables whose rows name large objects, for messages."""
    return ", ".join(dict.fromkeys(unit.table for unit in naming(units)))


def named(connection: Connection, units: Sequence[Unit], *, put: bool = False) -> Composed:
    """Return the query of the OIDs that rows name, those in quarantine included.

    Args:
        connection: a session of the database.
        units: the rows.
        put: where they are put, with all that inherits from there; else where they lie.
    """
    parts: list[sql.Composable] = [sql.SQL("SELECT NULL::oid WHERE false")]
    aside = has_quarantine(connection)
    for unit in units:
        relation = unit.target if put else unit.source
        only = sql.SQL("" if put or unit.from_partitions else "ONLY")
        for column in unit.large_objects:
            parts.append(
                sql.SQL("SELECT c.{}::oid FROM {} {} AS c").format(
                    sql.Identifier(column), only, sql.Identifier(*relation)
                )
            )
            if aside:
                parts.append(sql.SQL(_ASIDE).format(column=sql.Literal(column), name=name_of(relation)))
    return sql.SQL("SELECT loid FROM ({}) AS n (loid) WHERE loid IS NOT NULL").format(
        sql.SQL(" UNION ").join(parts)
    )


def copy_objects(connection: Connection, units: Sequence[Unit], stream: Stream) -> Composed:
    """Return the statement that gives the large objects of these rows, or their pages."""
    return sql.SQL(_COPIES[stream.value]).format(grants=GRANTS, named=named(connection, units))


def hash_of_page(oid: str, place: str, data: str) -> sql.Composable:
    """Return the hash of a page: an object's content is the sum over its pages, in constant memory."""
    return hash_of(sql.SQL(f"ARRAY[{oid}::text, ({place})::text, encode({data}, 'hex')]::text[]"))


def objects_sum(connection: Connection, units: Sequence[Unit], *, put: bool = False) -> Content:
    """Return how many large objects rows name, and what their content sums up to."""
    if not naming(units):
        return Content()
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "WITH named AS MATERIALIZED ({named}) SELECT"
                " (SELECT count(*) FROM pg_largeobject_metadata m WHERE m.oid IN (SELECT loid FROM named)),"
                " (SELECT coalesce(sum({hash}), 0) FROM pg_largeobject l"
                " WHERE l.loid IN (SELECT loid FROM named))"
            ).format(named=named(connection, units, put=put), hash=hash_of_page("l.loid", PLACE, "l.data"))
        )
        return fetched(cursor)


def objects_size(connection: Connection, units: Sequence[Unit]) -> tuple[int, int]:
    """Return how many large objects rows name, and how many bytes they take at most."""
    if not naming(units):
        return 0, 0
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "WITH named AS MATERIALIZED ({named}) SELECT"
                " (SELECT count(*) FROM pg_largeobject_metadata m WHERE m.oid IN (SELECT loid FROM named)),"
                " (SELECT count(*) * (current_setting('block_size')::integer / 4) FROM pg_largeobject l"
                " WHERE l.loid IN (SELECT loid FROM named))"
            ).format(named=named(connection, units))
        )
        count, size = cursor.fetchone()
        return int(count), int(size)


def told_of_objects(connection: Connection, units: Sequence[Unit]) -> tuple[str, ...]:
    """Return what a person should know of the large objects where the rows lie."""
    told = []
    with connection.cursor() as cursor:
        for unit in units:
            only = sql.SQL("" if unit.from_partitions else "ONLY")
            for column in unit.large_objects:
                cursor.execute(
                    sql.SQL(
                        "SELECT count(*) FROM {only} {relation} AS c WHERE c.{column}::oid <> '0'"
                        " AND NOT EXISTS"
                        " (SELECT FROM pg_largeobject_metadata m WHERE m.oid = c.{column}::oid)"
                    ).format(only=only, relation=sql.Identifier(*unit.source), column=sql.Identifier(column))
                )
                count = cursor.fetchone()[0]
                if count:
                    told.append(
                        f"table {unit.table}: {count:,} rows name a large object in {column} that production "
                        "does not have: carried as they are"
                    )
        known = sql.SQL(" UNION ALL ").join([named(connection, units), *_of_load(connection)])
        cursor.execute(sql.SQL("SELECT count(*) FROM pg_largeobject_metadata m {}").format(_without(known)))
        count = cursor.fetchone()[0]
        if count:
            told.append(f"{count:,} large objects that no row of a portal-owned table names are not carried")
    return tuple(told)


def refuse_taken_numbers(take: Connection, put: Connection, units: Sequence[Unit]) -> None:
    """Refuse large objects whose number an object of the load itself has.

    Raises:
        Refusal: there are some.
    """
    if not naming(units):
        return
    there = sql.SQL("SELECT m.oid FROM pg_largeobject_metadata m {}").format(
        _without(named(put, units, put=True))
    )
    own, users = [*_of_load(put), there][0], named(take, units)
    with closing(put.cursor("reingest_own")) as cursor, take.cursor() as asked:
        cursor.itersize = _BATCH
        cursor.execute(own)
        while numbers := [int(oid) for (oid,) in cursor.fetchmany(_BATCH)]:
            asked.execute(
                sql.SQL(
                    "SELECT m.oid FROM pg_largeobject_metadata m WHERE m.oid = ANY ({}::oid[])"
                    " AND m.oid IN ({}) ORDER BY 1 LIMIT {}"
                ).format(sql.Literal(numbers), users, sql.Literal(SHOWN))
            )
            taken = [str(oid) for (oid,) in asked.fetchall()]
            if taken:
                raise refused_numbers(units, taken)


def refused_numbers(units: Sequence[Unit], taken: Sequence[str]) -> Refusal:
    """Return the refusal of large objects that have the number of another one."""
    return Refusal(
        f"users' rows cannot be carried: rows of {tables_of(units)} name large objects whose number one of "
        f"the load itself has: {', '.join(taken)}: let the schema or the loader make its own without large "
        "objects, or by other numbers (lo_create)"
    )


def _without(known: sql.Composable) -> sql.Composable:
    return sql.SQL("WHERE NOT EXISTS (SELECT FROM ({}) AS known (loid) WHERE known.loid = m.oid)").format(
        known
    )


def _of_load(connection: Connection) -> list[sql.Composable]:
    """Return the query of the objects that a load itself made; none where no switch wrote it down."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.load_object') IS NOT NULL")
        return [sql.SQL("SELECT loid FROM reingest.load_object")] if cursor.fetchone()[0] else []
