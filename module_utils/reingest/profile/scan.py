"""One statement that reads a table once and returns its profile; the server shares it out to its cores.

Costs about half a microsecond of CPU a row of 11 columns (docs/profile.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql

from ..postgres.dsn import Connection
from .model import LONGEST, TEXT, TRUTH, ColumnProfile, TableProfile
from .shape import ProfiledColumn, ProfiledTable

_NONE = sql.SQL("NULL")


def prepare_session(connection: Connection, workers: int) -> None:
    """Let scans of a pinned session use so many processes beside its own, as far as the server has them."""
    settings = {
        "max_parallel_workers_per_gather": str(workers),
        "jit": "off",
        "cursor_tuple_fraction": "1",  # keys are read to the last one
    }
    with connection.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute("SELECT set_config(%s, %s, false)", (name, value))


def scan_table(connection: Connection, table: ProfiledTable, *, texts: bool = False) -> TableProfile:
    """Return the profile of a table, in one statement.

    Args:
        connection: a session that is pinned (``postgres.session``), else values are written in other forms.
        table: what ``read_shapes`` returned of it.
        texts: measure the text of every column, and the smallest and largest one of those that have no order,
            which costs as much again: for who has to compare it with a source.

    Raises:
        psycopg2.Error: the table is locked, may not be read, or is not there any more.
    """
    query = sql.SQL("SELECT count(*), {keys}, {columns} FROM {table} AS c")
    columns = [
        _figures(sql.Identifier("c", name), column, texts=texts) for name, column in table.columns.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            query.format(
                keys=_keys(table.key),
                columns=sql.SQL(", ").join(columns or [_NONE]),
                table=table.own,
            )
        )
        rows, keys, *found = cursor.fetchone()
    return TableProfile(
        rows=rows,
        columns={
            name: _profile(column, *figures) for (name, column), figures in zip(table.columns.items(), found)
        },
        key=table.key,
        keys=keys,
        disk=table.disk,
    )


def key_of(key: Sequence[sql.Composable]) -> sql.Composable:
    """Return the text of a row's key: a column's own, or that of several as a row."""
    if len(key) == 1:
        return sql.SQL('{}::text COLLATE "C"').format(key[0])
    return sql.SQL('ROW({})::text COLLATE "C"').format(sql.SQL(", ").join(key))


def _keys(key: Sequence[str]) -> sql.Composable:
    return (
        sql.SQL("coalesce(sum(hashtextextended({}, 0)), 0)::text").format(
            key_of([sql.Identifier("c", name) for name in key])
        )
        if key
        else _NONE
    )


def _figures(name: sql.Identifier, column: ProfiledColumn, *, texts: bool) -> sql.Composable:
    """Return a column's figures as an array of texts, in the order of ``_profile``."""
    text = sql.SQL("{}::text").format(name)
    text_bytes = stored = least = most = total = _NONE
    if column.binary:  # written as hex
        text_bytes = sql.SQL("coalesce(sum(2 * octet_length({})::bigint + 2), 0)").format(name)
    elif texts or column.kind == TEXT:
        text_bytes = sql.SQL("coalesce(sum(octet_length({})), 0)").format(text)
    elif column.variable:
        stored = sql.SQL("coalesce(sum(pg_column_size({})), 0)").format(name)
    if column.kind == TRUTH:
        total = sql.SQL("count(*) FILTER (WHERE {})").format(name)
    elif column.kind == TEXT or (texts and not column.ordered):
        compared = sql.SQL("left({}, {})").format(text, sql.Literal(LONGEST)) if column.wide else text
        least, most = (
            sql.SQL('{}({} COLLATE "C")').format(sql.SQL(best), compared) for best in ("min", "max")
        )
    elif column.ordered:
        least, most = (sql.SQL("{}({})").format(sql.SQL(best), name) for best in ("min", "max"))
    if column.summed:
        total = sql.SQL("coalesce(sum({}), 0)").format(name)
    figures = (sql.SQL("count({})").format(name), text_bytes, stored, least, most, total)
    return sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(sql.SQL("{}::text").format(one) for one in figures))


def _profile(column: ProfiledColumn, *figures: str | None) -> ColumnProfile:
    non_null, text_bytes, stored, least, most, total = figures
    count = int(non_null or 0)
    if column.kind == TRUTH and count:
        true = int(total or 0)
        least, most = "true" if true == count else "false", "true" if true else "false"
    return ColumnProfile(
        type=column.type,
        kind=column.kind,
        non_null=count,
        text_bytes=_number(text_bytes),
        stored_bytes=_number(stored),
        minimum=_cut(least),
        maximum=_cut(most),
        total=total,
    )


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:LONGEST]
