"""What becomes of production's other databases, as the portal's own has it: the switch reads it there."""

from __future__ import annotations

from collections.abc import Mapping

from ..postgres.dsn import Cursor

_CREATE = """
CREATE TABLE reingest.load_database (
    name text PRIMARY KEY, -- of another database of production
    owner text NOT NULL -- portal: it is carried whole; ignore: it is left behind
);
GRANT SELECT ON reingest.load_database TO PUBLIC;
"""


def write_databases(cursor: Cursor, owners: Mapping[str, str]) -> None:
    """Write it down, in the caller's transaction; what is there of others stays."""
    cursor.execute("SELECT to_regclass('reingest.load_database') IS NULL")
    if cursor.fetchone()[0]:
        cursor.execute(_CREATE)
    for name, owner in owners.items():
        cursor.execute("DELETE FROM reingest.load_database WHERE name = %s", (name,))
        cursor.execute("INSERT INTO reingest.load_database VALUES (%s, %s)", (name, owner))
