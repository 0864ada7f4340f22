"""The figures of a table, by PostgreSQL, in one statement."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2 import sql

from ..postgres.dsn import Connection
from .figures import ColumnFigures, Figures
from .kinds import PRESENT, Figure, Kind, kind_of, of
from .part import named
from .statement import whole_rows

_COLUMNS = """
WITH RECURSIVE base AS (
    SELECT a.attname, a.attnum, t.oid, t.typtype, t.typbasetype,
           CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS modifier
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = {table}::regclass AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT base.attname, base.attnum, t.oid, t.typtype, t.typbasetype,
           CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE base.modifier END
    FROM base JOIN pg_type t ON t.oid = base.typbasetype
    WHERE base.typtype = 'd'
)
SELECT base.attname, t.typname, t.typtype = 'e', base.modifier
FROM base JOIN pg_type t ON t.oid = base.oid
WHERE base.typtype <> 'd'
ORDER BY base.attnum
"""


def read_kinds(connection: Connection, table: sql.Identifier) -> dict[str, Kind]:
    """Return what the columns of a table are; a domain is what its values are.

    Where the database is not in UTF-8, lengths and orders of texts are others, and only NULLs are counted.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        utf8 = cursor.fetchone()[0] == "UTF8"
        cursor.execute(sql.SQL(_COLUMNS).format(table=sql.Literal(table.as_string(connection))))
        found = {
            name: kind_of(type_, enum=enum, modifier=modifier)
            for name, type_, enum, modifier in cursor.fetchall()
        }
    return found if utf8 else {name: PRESENT if kind.texts else kind for name, kind in found.items()}


def scan_figures(
    connection: Connection,
    table: sql.Identifier,
    kinds: Mapping[str, Kind],
    *,
    left_out: bool = False,
    workers: int = 0,
) -> Figures:
    """Return the figures of a table.

    Args:
        connection: a session that is pinned (``postgres.session``).
        table: the table, or the partitioned one.
        kinds: of the columns that are compared, the kinds by which they are.
        left_out: whether rows of its sources are not in the table.
        workers: how many processes the server may use beside the session's own.

    Raises:
        psycopg2.Error: the table cannot be read.
    """
    asked = {name: kind.asked(left_out=left_out) for name, kind in kinds.items()}
    columns = ", ".join(_figures(named(name), figures) for name, figures in asked.items())
    measures = [of(kind.measure[0], named(name)) if kind.measure[0] else "" for name, kind in kinds.items()]
    query = f"SELECT count(*), ({whole_rows(measures)})::text, {columns} FROM {table.as_string(connection)}"  # noqa: S608 - quoted
    with connection.cursor() as cursor:
        for name, value in (("max_parallel_workers_per_gather", str(workers)), ("jit", "off")):
            cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
        cursor.execute(query)
        rows, whole, *found = cursor.fetchone()
    figures = {
        name: ColumnFigures.found(figures, [answer[0], *answer])
        for (name, figures), answer in zip(asked.items(), found)
    }
    return Figures(rows, 0, whole, figures)


def _figures(column: str, figures: Mapping[str, Figure]) -> str:
    found = (f"count({column})", *(of(figure.table, column) for figure in figures.values()))
    return "ARRAY[" + ", ".join(f"({one})::text" for one in found) + "]"
