"""Sequences: set back to where they were when a load that ended early is resumed."""

from __future__ import annotations

from collections.abc import Collection

from ..postgres.dsn import Connection
from .behind_rows import read_sequences

_CREATE = """
CREATE TABLE reingest.resume_sequence (
    sequence text PRIMARY KEY,
    tables text[] NOT NULL, -- whose columns count by it
    began bigint NOT NULL,
    began_called boolean NOT NULL,
    filled bigint, -- when all tables were filled
    filled_called boolean
);
GRANT SELECT ON reingest.resume_sequence TO PUBLIC;
"""


def begin_sequences(connection: Connection) -> None:
    """Write down where the schema has left its sequences, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        for sequence in read_sequences(cursor):
            tables = sorted({column.table for column in sequence.columns})
            cursor.execute(
                "INSERT INTO reingest.resume_sequence VALUES (%s, %s::text[], %s, %s)",
                (sequence.quoted(cursor), tables, *sequence.place(cursor)),
            )


def keep_sequences(connection: Connection) -> None:
    """Write down where the sequences are before a transform takes numbers, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequence FROM reingest.resume_sequence")
        for (sequence,) in cursor.fetchall():
            cursor.execute(
                "UPDATE reingest.resume_sequence SET (filled, filled_called) ="  # noqa: S608
                f" (SELECT last_value, is_called FROM {sequence.replace('%', '%%')}) WHERE sequence = %s",
                (sequence,),
            )


def resume_sequences(connection: Connection, kept: Collection[str]) -> None:
    """Set the sequences back to where they were when only these tables were filled."""
    with connection.cursor() as cursor:
        others = "NOT tables && %s::text[]"
        cursor.execute(
            f"UPDATE reingest.resume_sequence SET filled = NULL, filled_called = NULL WHERE {others}",  # noqa: S608
            (list(kept),),
        )
        cursor.execute(
            "SELECT setval(sequence::regclass, began, began_called)"  # noqa: S608
            f" FROM reingest.resume_sequence WHERE {others}",
            (list(kept),),
        )
        cursor.execute(
            "SELECT setval(sequence::regclass, filled, filled_called) FROM reingest.resume_sequence"
            " WHERE filled IS NOT NULL"
        )
