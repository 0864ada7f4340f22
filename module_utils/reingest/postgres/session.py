"""Sessions for users' rows and for scans: whatever a role or a database is set to, they read and write alike.

What changes the text of a value is pinned in every session (``pins``); here is pinned what else would count.
"""

from __future__ import annotations

from contextlib import closing

from psycopg2.extensions import parse_dsn

from .dsn import Connection, Cursor, connect, with_database
from .pins import own_options, pinned_options

_PINNED = {
    # A regclass is written with its schema then, and a temporary table stands for none of the catalog's.
    "search_path": "pg_catalog,pg_temp",
    "row_security": "off",  # rows that a policy hides are an error then, not left out in silence
    "enable_parallel_hash": "off",  # its tables lie in /dev/shm, of which a container has 64 MB by default
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": r"read\ committed",
}
_SINCE_17 = {"transaction_timeout": "0"}


def pinned(
    dsn: str, database: str, *, application_name: str = "reingest", autocommit: bool = False
) -> Connection:
    """Open such a session, in UTC.

    Raises:
        Unreachable: the server does not answer.
        Refusal: the login is refused, or a pooler answers.
    """
    own = own_options(parse_dsn(with_database(dsn, database)).get("options", ""))
    words = " ".join(f"-c {name}={value}" for name, value in _PINNED.items())
    connection = connect(
        with_database(dsn, database),
        application_name=application_name,
        autocommit=autocommit,
        options=pinned_options(f"{own} {words}".strip()),
    )
    with connection.cursor() as cursor:
        _set_later(cursor)
    if not autocommit:
        connection.commit()
    return connection


def reset(cursor: Cursor) -> None:
    """Give a pinned session the settings again that it was opened with."""
    cursor.execute("RESET ALL")
    _set_later(cursor)


def _set_later(cursor: Cursor) -> None:
    if cursor.connection.server_version >= 170000:
        for name, value in _SINCE_17.items():
            cursor.execute("SELECT set_config(%s, %s, false)", (name, value))


def pinned_reading(dsn: str, database: str, *, autocommit: bool = True) -> closing[Connection]:
    """Open such a session that can only read.

    Raises:
        Unreachable: the server does not answer.
        Refusal: the login is refused, or a pooler answers.
    """
    connection = pinned(dsn, database, autocommit=True)
    connection.set_session(readonly=True, autocommit=autocommit)
    return closing(connection)
