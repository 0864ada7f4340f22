"""Fill one table: copy its rows, settle its duplicates, put its keys and indexes back."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..postgres.dsn import Connection, connect
from .duplicates import drop_duplicates
from .rows import Feed, RowStream, locate, shown_value
from .script import database_reason
from .setaside import Piece, put_back

# A load that is killed is started over, so no commit of it needs to wait for the disk; the last one does.
_SESSION = "SET synchronous_commit = off"
_CONTEXT = re.compile(r"\bline (\d+)(?:, column ([^:]+))?")


def fill_table(dsn: str, feed: Feed, pieces: Sequence[Piece]) -> dict[str, int]:
    """Load one table of the staging database.

    Returns:
        ``{"read": rows that the sources gave, "duplicates": rows dropped}``

    Raises:
        Refusal: a row that PostgreSQL does not take, a source that is not as declared, or keys given twice.
    """
    with closing(connect(dsn, autocommit=True)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(_SESSION)
            with contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SET lc_messages = 'C'")  # the place of a bad row is in the message's context
        read = _copy(connection, feed)
        duplicates = drop_duplicates(connection, feed.table, feed.shape)
        put_back(connection, pieces)
        return {"read": read, "duplicates": duplicates}


def count_rows(feed: Feed) -> int:
    """Return how many rows the sources give, by reading them; touches no server.

    Raises:
        Refusal: a source is not what the dataset says; with file and line.
    """
    stream = RowStream(feed)
    while stream.read():
        pass
    return stream.rows


def _copy(connection: Connection, feed: Feed) -> int:
    stream = RowStream(feed)
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in feed.table.columns)
    names = {"table": feed.shape.identifier, "columns": columns}
    # A table emptied in the same transaction can take its rows frozen: nothing has to visit them again.
    frozen = not feed.shape.partitioned
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        if frozen:
            cursor.execute(sql.SQL("TRUNCATE {table}").format(**names))
        options = "FORMAT text, FREEZE" if frozen else "FORMAT text"
        statement = sql.SQL(f"COPY {{table}} ({{columns}}) FROM STDIN WITH ({options})").format(**names)
        try:
            cursor.copy_expert(statement.as_string(connection), stream, 1 << 18)
        except psycopg2.Error as error:
            if stream.failure is not None:
                raise stream.failure from None
            raise _refused(feed, error) from error
        if stream.failure is not None:
            raise stream.failure
        cursor.execute("COMMIT")
    return stream.rows


def _refused(feed: Feed, error: psycopg2.Error) -> Refusal:
    """Return the refusal with the place of the row in the sources, which are read again for it."""
    diagnostics: Any = error.diag
    context = _CONTEXT.search(diagnostics.context or "")
    if context is None:
        return Refusal(f"table {feed.table.name}: {database_reason(error)}")
    place = locate(feed, int(context.group(1)))
    names = [context.group(2)] if context.group(2) else [diagnostics.column_name]
    if diagnostics.constraint_name:
        names = list(feed.shape.checks.get(diagnostics.constraint_name, ()))
    values = ", ".join(f"column {name}: {shown_value(place.values.get(name))}" for name in names if name)
    what = f"table {feed.table.name}{', ' + values if values else ''}"
    return Refusal(
        f"{place.where}: {what}: {diagnostics.message_primary}; correct the source, or the dataset"
    )
