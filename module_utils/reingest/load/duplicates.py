"""Rows of one key: counted, dropped where the dataset says so, refused where they differ."""

from __future__ import annotations

from typing import Any

from psycopg2 import sql

from ..dataset.model import Table
from ..errors import Refusal
from ..postgres.dsn import Connection, Cursor
from .catalog import TableShape


class RepeatedKeys(Refusal):
    """Rows of one key that the dataset does not drop."""


def drop_duplicates(connection: Connection, table: Table, shape: TableShape) -> int:
    """Keep one of each set of identical rows of a key, and return how many were dropped.

    Expects the key itself to be set aside.

    Raises:
        RepeatedKeys: rows of one key differ, or the dataset declares no duplicates and there are some.
    """
    key = sql.SQL(", ").join(map(sql.Identifier, shape.primary_key))
    loaded = [column.name for column in table.columns]
    if not shape.primary_key or not set(shape.primary_key) <= set(loaded):
        return 0  # nothing in the source makes two rows the same
    names = {
        "table": shape.own,
        "key": key,
        "row": sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in loaded),
        "same": sql.SQL(" AND ").join(
            sql.SQL("t.{0} = d.{0}").format(sql.Identifier(name)) for name in shape.primary_key
        ),
    }
    with connection.cursor() as cursor:
        _run(
            cursor,
            "CREATE TEMPORARY TABLE repeated AS SELECT {key}, count(*) AS times FROM {table}"
            " GROUP BY {key} HAVING count(*) > 1",
            names,
        )
        cursor.execute("SELECT coalesce(sum(times - 1), 0)::bigint, count(*) FROM repeated")
        surplus, keys = cursor.fetchone()
        if surplus:
            _refuse_differing(cursor, table, shape, names)
            if table.duplicates == "fail":
                _run(cursor, "SELECT {key} FROM repeated ORDER BY 1 LIMIT 1", names)
                raise RepeatedKeys(
                    f"table {table.name}: {keys} keys are in the source more than once, such as "
                    f"{_shown(shape, cursor.fetchone())}; correct the source, or declare `duplicates: drop`, "
                    "which keeps one of identical rows"
                )
            _run(
                cursor,
                "DELETE FROM {table} t USING (SELECT t.ctid, row_number() OVER (PARTITION BY {qualified})"
                " AS at FROM {table} t JOIN repeated d ON {same}) AS n WHERE t.ctid = n.ctid AND n.at > 1",
                {**names, "qualified": _qualified(shape)},
            )
        cursor.execute("DROP TABLE repeated")
    return int(surplus)


def _refuse_differing(
    cursor: Cursor, table: Table, shape: TableShape, names: dict[str, sql.Composable]
) -> None:
    _run(
        cursor,
        "SELECT {qualified} FROM {table} t JOIN repeated d ON {same} GROUP BY {qualified}"
        " HAVING count(DISTINCT ROW({row})::text) > 1 ORDER BY 1 LIMIT 1",
        {**names, "qualified": _qualified(shape)},
    )
    found = cursor.fetchone()
    if found is not None:
        raise RepeatedKeys(
            f"table {table.name}: rows of the key {_shown(shape, found)} have different contents: "
            "which one counts must be decided in the source"
        )


def _qualified(shape: TableShape) -> sql.Composable:
    return sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in shape.primary_key)


def _run(cursor: Cursor, statement: str, names: dict[str, sql.Composable]) -> None:
    cursor.execute(sql.SQL(statement).format(**names))


def _shown(shape: TableShape, values: tuple[Any, ...]) -> str:
    return f"({', '.join(shape.primary_key)}) = ({', '.join(str(value) for value in values)})"
