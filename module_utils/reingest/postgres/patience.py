"""Sessions in the staging server, which no timeout of its role, database or configuration ends.

A load takes hours, and a session of it waits for others. In production timeouts hold as they are set there.
"""

from __future__ import annotations

import os
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

_OPTIONS = " ".join(
    [
        "-c statement_timeout=0",
        "-c lock_timeout=0",
        "-c idle_session_timeout=0",
        "-c idle_in_transaction_session_timeout=0",
        # Its tables lie in /dev/shm, of which a container has 64 MB by default.
        "-c enable_parallel_hash=off",
    ]
)
_SINCE_17 = "SET transaction_timeout = 0"  # an option of this name is refused by older servers


def patient(dsn: str) -> str:
    """Return a connection string whose sessions no timeout ends.

    The options are behind its own ones, so that they count; a RESET keeps them.
    """
    try:
        own = parse_dsn(dsn).get("options") or os.environ.get("PGOPTIONS", "")
    except psycopg2.ProgrammingError:  # who opens it says so, without the parts that the error repeats
        return dsn
    return dsn if _OPTIONS in own else str(make_dsn(dsn, options=f"{own} {_OPTIONS}".strip()))


def as_given(dsn: str) -> str:
    """Return a connection string without what ``patient`` added, for a message."""
    if _OPTIONS not in dsn:
        return dsn
    parts = parse_dsn(dsn)
    parts["options"] = parts["options"].replace(_OPTIONS, "").strip()
    return str(make_dsn(**{name: value for name, value in parts.items() if value}))


def keep_patience(connection: Any, options: str) -> None:  # noqa: ANN401 - psycopg2 has no types
    """Take off the timeout that cannot be an option, in a session that has these options."""
    if connection.server_version >= 170000 and _OPTIONS in options:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(_SINCE_17)
