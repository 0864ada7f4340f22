"""Types whose numbers a portal that is not restarted may remember: they must be production's.

A driver asks the server once for the OID of an enum or of an extension's type, and reads and writes values by
it. In the new cluster the same type mostly has another one, and then so may have another type the old one.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..dataset.table_name import table_name
from ..frame.finding import Finding
from ..postgres.dsn import Connection

OIDS = "oids"
# Domains are sent as what they are made of; row types of tables are asked for by nobody.
_TYPES = """
SELECT n.nspname, t.typname, t.oid::bigint, t.typarray::bigint
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typtype <> 'd' AND t.typisdefined AND t.typcategory <> 'A' AND (c.oid IS NULL OR c.relkind = 'c')
  AND n.nspname NOT IN ('information_schema', 'reingest') AND n.nspname !~ '^pg_'
ORDER BY 1, 2
"""
_REMEDY = (
    "have the portal's services restarted one after the other once their clients go on: "
    "reingest_hold_restart: rolling"
)


def oid_findings(staging: Connection, production: Connection) -> Iterator[Finding]:
    """Yield each type that both have, with another number of it or of its array."""
    made, live = _types(staging), _types(production)
    for name, numbers in live.items():
        if name in made and made[name] != numbers:
            yield Finding(
                f"{OIDS}:{name}",
                f"type {name} has OID {made[name][0]} in the load and {numbers[0]} in production, and a "
                "portal that is held instead of restarted may remember that one",
                _REMEDY,
                state=f"{numbers} {made[name]}",
            )


def _types(connection: Connection) -> dict[str, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_TYPES)
        return {table_name(schema, name): (oid, array) for schema, name, oid, array in cursor.fetchall()}
