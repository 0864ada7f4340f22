"""Rows whose parent is gone: found by anti-join, and set aside, dropped or refused as their table says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg2 import sql

from ..errors import Refusal
from ..load.constraints import Reference
from ..ownership.checksum import Content, fetched, hash_of, texts_of
from ..postgres.dsn import Connection, Cursor
from .quarantine import Settled, columns_of, name_of
from .unit import Unit

DROP, FAIL = "drop", "fail"  # else they are set aside
_SHOWN = 3
_OPERATORS = """
SELECT n.nspname, c.relname, k.conname,
       ARRAY(SELECT s.nspname::text FROM unnest(k.conpfeqop) WITH ORDINALITY AS u(oid, at)
             JOIN pg_operator o ON o.oid = u.oid JOIN pg_namespace s ON s.oid = o.oprnamespace ORDER BY u.at),
       ARRAY(SELECT o.oprname::text FROM unnest(k.conpfeqop) WITH ORDINALITY AS u(oid, at)
             JOIN pg_operator o ON o.oid = u.oid ORDER BY u.at)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f'
"""
Operators = Mapping[
    tuple[str, str, str], tuple[tuple[str, str], ...]
]  # of a reference: schema and name of each


def read_operators(connection: Connection) -> Operators:
    """Return by which operators each reference compares, before it is taken off.

    A type may have its own in a schema outside the search path.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OPERATORS)
        return {
            (schema, relation, name): tuple(zip(schemas, operators))
            for schema, relation, name, schemas, operators in cursor.fetchall()
        }


def settle_orphans(
    cursor: Cursor,
    units: Sequence[Unit],
    references: Sequence[Reference],
    operators: Operators,
    run: str,
    settled: Settled,
) -> None:
    """Take rows whose parent is gone out of their tables, until none is left: a parent may be an orphan, too.

    Raises:
        Refusal: a table says ``orphans: fail`` and has some; nothing is committed.
    """
    by_relation = {unit.target: unit for unit in units}
    again = True
    while again:
        again = False
        for reference in references:
            unit = by_relation.get(reference.relation)
            if unit is not None:
                orphan = _orphan(reference, operators[reference.named])
                again = _settle(cursor, unit, reference, orphan, run, settled) > 0 or again
    cursor.execute(
        "UPDATE reingest.quarantine q SET run = w.run, since = w.since FROM was w"
        " WHERE (q.relation, q.columns, q.row_values) = (w.relation, w.columns, w.row_values)"
    )


def _settle(
    cursor: Cursor, unit: Unit, reference: Reference, orphan: sql.Composable, run: str, settled: Settled
) -> int:
    child = sql.Identifier(*reference.relation)
    named = ", ".join(reference.columns)
    reason = f"{named} names no row of {reference.parent}"
    texts = texts_of(unit.columns, "c")
    if unit.orphans == FAIL:
        _refuse_orphans(cursor, unit, reference, child, orphan)
        return 0
    delete = sql.SQL("DELETE FROM {child} AS c WHERE {orphan} RETURNING {texts} AS found").format(
        child=child, orphan=orphan, texts=texts
    )
    if unit.orphans == DROP:
        cursor.execute(
            sql.SQL("WITH gone AS ({}) SELECT count(*), coalesce(sum({}), 0) FROM gone").format(
                delete, hash_of(sql.SQL("gone.found"))
            )
        )
        gone = fetched(cursor)
        settled.dropped[unit.table] = settled.dropped.get(unit.table, Content()) + gone
        count = gone.rows
    else:
        cursor.execute(
            sql.SQL(
                "WITH gone AS ({delete}) INSERT INTO reingest.quarantine"
                " SELECT {name}, {columns}, gone.found, {reason}, {run}, now() FROM gone"
            ).format(
                delete=delete,
                name=name_of(unit.target),
                columns=columns_of(unit),
                reason=sql.Literal(reason),
                run=sql.Literal(run),
            )
        )
        count = cursor.rowcount
    if count:
        settled.reasons.setdefault(unit.table, reason)
    return count


def _orphan(reference: Reference, operators: Sequence[tuple[str, str]]) -> sql.Composable:
    """Return the condition of a row, called c, whose reference leads nowhere; a NULL may."""
    by = [
        sql.SQL("OPERATOR({}.{})").format(sql.Identifier(schema), sql.SQL(name)) for schema, name in operators
    ]
    given = sql.SQL(" AND ").join(
        sql.SQL("{} IS NOT NULL").format(sql.Identifier("c", mine)) for mine in reference.columns
    )
    same = sql.SQL(" AND ").join(
        sql.SQL("{} {} {}").format(sql.Identifier("p", theirs), operator, sql.Identifier("c", mine))
        for mine, theirs, operator in zip(reference.columns, reference.parent_columns, by)
    )
    return sql.SQL("{given} AND NOT EXISTS (SELECT FROM {parent} p WHERE {same})").format(
        given=given, parent=sql.Identifier(*reference.parent_relation), same=same
    )


def _refuse_orphans(
    cursor: Cursor, unit: Unit, reference: Reference, child: sql.Composable, orphan: sql.Composable
) -> None:
    cursor.execute(sql.SQL("SELECT count(*) FROM {} AS c WHERE {}").format(child, orphan))
    count = cursor.fetchone()[0]
    if not count:
        return
    values = sql.SQL(", ").join(
        sql.SQL("c.{}::text").format(sql.Identifier(name)) for name in reference.columns
    )
    cursor.execute(
        sql.SQL("SELECT DISTINCT {values} FROM {child} AS c WHERE {orphan} ORDER BY 1 LIMIT {most}").format(
            values=values, child=child, orphan=orphan, most=sql.Literal(_SHOWN)
        )
    )
    shown = "; ".join(", ".join(row) for row in cursor.fetchall())
    raise Refusal(
        f"table {unit.table}: {count} rows of users name a row of {reference.parent} that the load does "
        "not have "
        f"({shown}), and the table says `orphans: fail`: load the missing rows, or declare `orphans: "
        "quarantine`"
    )
