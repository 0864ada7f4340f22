"""Where the rows of carried tables lie on their server's disk, as the WAL names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..postgres.dsn import Connection
from .catalogue import Table
from .named_objects import naming
from .record import Stored
from .unit import QUARANTINE_UNIT, Unit

# With their TOAST tables. The WAL has no changes of an unlogged table, and those of another access method are
# records of its own.
_STORED = """
SELECT c.oid, concat_ws('/', coalesce(nullif(s.reltablespace, 0), d.dattablespace), d.oid,
                        pg_relation_filenode(s.oid)),
       s.relpersistence = 'p' AND coalesce(m.amname, 'heap') = 'heap'
FROM pg_class c JOIN pg_class s ON s.oid IN (c.oid, c.reltoastrelid)
LEFT JOIN pg_am m ON m.oid = s.relam JOIN pg_database d ON d.datname = current_database()
WHERE (c.oid = ANY(%s) OR c.oid = to_regclass('reingest.quarantine'))
  AND pg_relation_filenode(s.oid) IS NOT NULL
ORDER BY c.oid, s.oid
"""

_OBJECTS = {2613: "pg_largeobject", 2995: "pg_largeobject_metadata"}  # the same in all versions


def read_stored(
    connection: Connection, tables: Mapping[str, Table], units: Sequence[Unit]
) -> tuple[Stored, ...]:
    """Return where the tables lie, with partitions, the quarantine and large objects."""
    names = {oid: name for name, table in tables.items() for oid in table.oids}
    names.update(_OBJECTS if naming(units) else {})
    with connection.cursor() as cursor:
        cursor.execute(_STORED, (list(names),))
        rows = cursor.fetchall()
    return tuple(Stored(names.get(oid, QUARANTINE_UNIT.table), place, logged) for oid, place, logged in rows)
