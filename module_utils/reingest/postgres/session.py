"""Sessions in which a value has one text, whatever the server, the database or the role is set to.

What changes how a value is written or read is set as an option of the connection, so that a RESET keeps it.
"""

from __future__ import annotations

from contextlib import closing

from psycopg2.extensions import parse_dsn

from ..errors import Refusal
from .dsn import Connection, Cursor, address, connect, with_database

# Doubles and bytes are written without loss; no setting here changes how a value is read.
_EXACT = {"extra_float_digits": "1", "bytea_output": "hex"}
_PINNED = {
    **_EXACT,
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "search_path": "pg_catalog",  # a regclass is written with its schema then
    "row_security": "off",  # rows that a policy hides are an error then, not left out in silence
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": r"read\ committed",
}
_SINCE_17 = {"transaction_timeout": "0"}


def write_exactly(cursor: Cursor) -> None:
    """Have a session write values without loss that reads them as its server, database and role say.

    A load reads what a source says, and a time zone or the order of a date is part of how.
    """
    for name, value in _EXACT.items():
        cursor.execute("SELECT set_config(%s, %s, false)", (name, value))


def pinned(
    dsn: str, database: str, *, application_name: str = "reingest", autocommit: bool = False
) -> Connection:
    """Open such a session.

    Raises:
        Unreachable: the server does not answer.
        Refusal: the login is refused, or a pooler answers.
    """
    own = parse_dsn(with_database(dsn, database)).get("options", "")
    words = " ".join(f"-c {name}={value.replace(', ', ',')}" for name, value in _PINNED.items())
    try:
        connection = connect(
            with_database(dsn, database),
            application_name=application_name,
            autocommit=autocommit,
            options=f"{own} {words}".strip(),
        )
    except Refusal as refusal:
        if "unsupported startup parameter" not in str(refusal):
            raise
        raise Refusal(
            f"{address(dsn)} is a pooler, and users' rows need a direct connection: name the server itself"
        ) from None
    if connection.server_version >= 170000:
        with connection.cursor() as cursor:
            for name, value in _SINCE_17.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
        if not autocommit:
            connection.commit()
    return connection


def pinned_reading(dsn: str, database: str, *, autocommit: bool = True) -> closing[Connection]:
    """Open such a session that can only read.

    Raises:
        Unreachable: the server does not answer.
        Refusal: the login is refused, or a pooler answers.
    """
    connection = pinned(dsn, database, autocommit=True)
    connection.set_session(readonly=True, autocommit=autocommit)
    return closing(connection)
