"""Sessions that read values: what a value looks like as text must not hang on a server's settings."""

from __future__ import annotations

from contextlib import closing

from .dsn import Connection, connect, with_database

# A regclass is written in another way under another search path, and row security would leave rows out
# without a word. Waiting is the caller's to limit.
_PINNED = """
SET search_path = pg_catalog;
SET row_security = off;
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET TimeZone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = 'hex';
SET lc_monetary = 'C';
SET lc_numeric = 'C';
SET xmloption = 'content';
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0
"""


def pin(connection: Connection) -> None:
    """Have the session write every value in one form, whatever the server, database or role has set."""
    with connection.cursor() as cursor:
        cursor.execute(_PINNED)


def pinned_reading(dsn: str, database: str, *, autocommit: bool = True) -> closing[Connection]:
    """Open a read-only connection whose session is pinned.

    Raises:
        Refusal: the server does not answer, or refuses the login.
    """
    connection = connect(with_database(dsn, database), autocommit=True)
    pin(connection)
    connection.set_session(readonly=True, autocommit=autocommit)
    return closing(connection)
