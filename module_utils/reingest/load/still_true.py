"""What references and checks say of tables is proven once more, after SQL that could get around them.

A transform may switch off what enforces a reference (``session_replication_role``, a disabled trigger) or
replace a function that a check calls, and the catalog says "valid" all the same: VALIDATE looks at nothing
then. So the rows are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg2 import sql

from ..dataset.table_name import table_name
from ..errors import Refusal
from ..postgres.dsn import Connection, Cursor

_SHOWN, _LONGEST = 3, 100  # values in a message, and characters of one
_ENFORCED = "coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)"  # a column from PostgreSQL 18 on
# Partitions have their parents' constraints: those are asked of the parent, whole. Others of their own rows.
_REFERENCES = f"""
SELECT n.nspname, c.relname, pn.nspname, p.relname, k.conname::text, pairs.columns, pairs.given, pairs.same,
       k.confmatchtype = 'f', c.relkind = 'p', p.relkind = 'p', ARRAY[k.conrelid, k.confrelid], size.bytes
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace,
LATERAL (
    SELECT array_agg(ca.attname::text ORDER BY u.at) AS columns,
           array_agg(format('c.%%I', ca.attname) ORDER BY u.at) AS given,
           string_agg(format('p.%%I OPERATOR(%%I.%%s) c.%%I%%s',
                             pa.attname, os.nspname, o.oprname, ca.attname,
                             CASE WHEN l.oid IS NULL THEN ''
                             ELSE format(' COLLATE %%I.%%I', ls.nspname, l.collname) END),
                      ' AND ' ORDER BY u.at) AS same
    FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS u (child, parent, operator, at)
    JOIN pg_attribute ca ON ca.attrelid = k.conrelid AND ca.attnum = u.child
    JOIN pg_attribute pa ON pa.attrelid = k.confrelid AND pa.attnum = u.parent
    JOIN pg_operator o ON o.oid = u.operator JOIN pg_namespace os ON os.oid = o.oprnamespace
    LEFT JOIN pg_collation l ON l.oid = pa.attcollation LEFT JOIN pg_namespace ls ON ls.oid = l.collnamespace
) AS pairs,
LATERAL (SELECT pg_total_relation_size(k.conrelid) AS bytes) AS size
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated AND {_ENFORCED}
  AND NOT coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false)
  AND (k.conrelid = ANY (%(oids)s) OR k.confrelid = ANY (%(oids)s))
ORDER BY 1, 2, 5
"""  # noqa: S608 - constants of this file
_CHECKS = f"""
SELECT n.nspname, c.relname, k.conname::text, pg_get_expr(k.conbin, k.conrelid), k.conrelid,
       pg_relation_size(k.conrelid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND k.convalidated AND {_ENFORCED} AND c.relkind = 'r' AND k.conrelid = ANY (%(oids)s)
ORDER BY 1, 2, 3
"""  # noqa: S608 - constants of this file
_WRITING = """
SELECT DISTINCT c.oid, l.mode
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'p') AND c.oid >= 16384
    AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    AND c.relpersistence <> 't' AND c.relnamespace <> to_regnamespace('reingest')
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_FAMILY = """
SELECT c.oid FROM pg_class c, (SELECT %s::oid AS oid) AS w
WHERE c.oid = w.oid OR c.oid IN (SELECT relid FROM pg_partition_ancestors(w.oid::regclass))
"""


@dataclass(frozen=True)
class Proof:
    """A constraint: the tables that it is about, and the rows that break it, as the end of a query.

    ``value`` shows such a row; ``weight`` is about how many bytes are read; ``files`` may have broken it.
    """

    tables: tuple[int, ...]
    table: str
    what: str  # of so many rows
    name: str
    value: str
    rows: str
    weight: int
    files: tuple[str, ...] = ()


def locked_to_write(cursor: Cursor) -> frozenset[tuple[int, str]]:
    """Return the tables that the transaction may have written, by OID, each with the mode of a lock on it.

    A lock is held to the end of its transaction, so that the ones that came are of what was run meanwhile.
    """
    cursor.execute(_WRITING)
    return frozenset(cursor.fetchall())


def proofs_after(connection: Connection, wrote: Mapping[int, Sequence[str]]) -> list[Proof]:
    """Return what tables that were written, and those that name them, must hold.

    Args:
        connection: of the database.
        wrote: by the OID of a table, the files that wrote it.
    """
    files = _with_ancestors(connection, wrote)
    return [
        replace(one, files=tuple(dict.fromkeys(file for oid in one.tables for file in files.get(oid, ()))))
        for one in (*_references(connection, list(files)), *_checks(connection, list(files)))
    ]


def broken(proof: Proof, ask: Callable[[str], list[str]]) -> tuple[int, list[str]]:
    """Return how many rows break a constraint, and some of their values.

    Args:
        proof: the constraint.
        ask: returns the one text of each row of a query's answer.
    """
    count = int(ask(f"SELECT count(*)::text {proof.rows}")[0])
    if not count:
        return 0, []
    return count, ask(f"SELECT DISTINCT left({proof.value}, {_LONGEST}) {proof.rows} LIMIT {_SHOWN}")


def refuse_broken(found: Sequence[tuple[Proof, int, Sequence[str]]]) -> None:
    """Refuse rows that break a reference or a check which the catalog says to hold.

    Args:
        found: of each constraint, how many rows break it, and values of some.

    Raises:
        Refusal: with each constraint, how many rows break it, and the files that may have done it.
    """
    told = [
        f"table {one.table}: {count} rows {one.what} ({'; '.join(values)}; {one.name}, after "
        f"{', '.join(one.files)})"
        for one, count, values in found
        if count
    ]
    if told:
        raise Refusal(
            f"the transforms leave rows that the schema forbids: {'; '.join(told)}. The server did not look "
            "(session_replication_role, a disabled trigger, a function of a check that was replaced): "
            "correct the transform"
        )


def _with_ancestors(connection: Connection, wrote: Mapping[int, Sequence[str]]) -> dict[int, list[str]]:
    """Return the same with the partitioned tables of partitions, whose constraints these have."""
    found: dict[int, list[str]] = {}
    with connection.cursor() as cursor:
        for oid, files in wrote.items():
            cursor.execute(_FAMILY, (oid,))
            for (one,) in cursor.fetchall():
                there = found.setdefault(one, [])
                there.extend(file for file in files if file not in there)
    return found


def _references(connection: Connection, oids: Sequence[int]) -> Iterator[Proof]:
    with connection.cursor() as cursor:
        cursor.execute(_REFERENCES, {"oids": list(oids)})
        for (
            schema, relation, parent_schema, parent, name, columns, given, same, full, spread, spread_parent,
            tables, size,
        ) in cursor.fetchall():  # fmt: skip
            child = _rows_of(connection, schema, relation, whole=spread)
            of = _rows_of(connection, parent_schema, parent, whole=spread_parent)
            there = f"EXISTS (SELECT FROM {of} p WHERE {same})"
            whole = " AND ".join(f"{one} IS NOT NULL" for one in given)
            some = " OR ".join(f"{one} IS NOT NULL" for one in given)
            broken = f"({some}) AND NOT ({whole} AND {there})" if full else f"{whole} AND NOT {there}"
            yield Proof(
                tuple(tables),
                table_name(schema, relation),
                f"name by {', '.join(columns)} a row of {table_name(parent_schema, parent)} that is gone",
                f"reference {name}",
                f"concat_ws(', ', {', '.join(given)})",
                f"FROM {child} c WHERE {broken}",
                size,
            )


def _checks(connection: Connection, oids: Sequence[int]) -> Iterator[Proof]:
    with connection.cursor() as cursor:
        cursor.execute(_CHECKS, {"oids": list(oids)})
        for schema, relation, name, expression, oid, size in cursor.fetchall():
            yield Proof(
                (oid,),
                table_name(schema, relation),
                "break it",
                f"check {name}",
                sql.Identifier(relation).as_string(connection) + "::text",
                f"FROM {_rows_of(connection, schema, relation)} WHERE NOT ({expression})",
                size,
            )


def _rows_of(connection: Connection, schema: str, relation: str, *, whole: bool = False) -> str:
    """Return the table as a query names it; ``whole``: with its partitions."""
    return ("" if whole else "ONLY ") + str(sql.Identifier(schema, relation).as_string(connection))
