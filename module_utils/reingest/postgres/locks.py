"""Tables that somebody locks, where nothing is to wait for long."""

from __future__ import annotations

from .dsn import Connection

LOCK_WAIT_S = 10
_LOCKED = """
SELECT DISTINCT l.relation::regclass::text, l.pid FROM pg_locks l
WHERE l.mode = 'AccessExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid() AND l.relation >= 16384
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1 LIMIT 5
"""


def wait_for_locks(connection: Connection, seconds: int = LOCK_WAIT_S) -> None:
    """Let no statement of a session wait longer for a table that somebody locks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{seconds}s",))


def locked_tables(connection: Connection) -> str:
    """Return which tables of its database somebody else locks against everybody, for a message."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCKED)
        held = ", ".join(f"{table} (server process {pid})" for table, pid in cursor.fetchall())
    return held or "one of its tables"
