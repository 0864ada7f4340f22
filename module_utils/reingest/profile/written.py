"""Whether a table was written to since its profile was made, by what its server counts.

A table's mark has, of it and of each partition or child, the file, its size, and how many rows were ever
inserted, updated and deleted. PostgreSQL forgets the counts when it recovers from a crash, and when somebody
resets them: then they begin at zero again, which is no mark. So an equal mark means that nobody wrote, with
two exceptions that cost no more than an old figure: a superuser's session with `track_counts = off`, and the
count of a transaction that ended within the last seconds.
"""

from __future__ import annotations

from ..dataset.table_name import table_name
from ..postgres.dsn import Connection

_MARKS = """
WITH RECURSIVE part(top, oid) AS (
    SELECT oid, oid FROM pg_class c
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND relpersistence <> 't' AND oid >= 16384
    UNION SELECT p.top, i.inhrelid FROM part p JOIN pg_inherits i ON i.inhparent = p.oid
), counted AS (
    SELECT p.top, p.oid, pg_relation_filenode(p.oid) AS file, pg_relation_size(p.oid) AS size,
           s.n_tup_ins AS ins, s.n_tup_upd AS upd, s.n_tup_del AS del
    FROM part p JOIN pg_class c ON c.oid = p.oid AND c.relkind = 'r'
    LEFT JOIN pg_stat_all_tables s ON s.relid = p.oid
)
SELECT n.nspname, c.relname,
       string_agg(concat_ws('.', k.file, k.size, k.ins, k.upd, k.del), ' ' ORDER BY k.oid),
       bool_and(k.file IS NOT NULL AND k.ins IS NOT NULL AND (k.size = 0 OR k.ins + k.upd + k.del > 0))
FROM counted k JOIN pg_class c ON c.oid = k.top JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE current_setting('track_counts')::bool
GROUP BY 1, 2
"""


def read_marks(connection: Connection) -> dict[str, str]:
    """Return the mark of each of the users' tables that has one, by name as the dataset has it."""
    with connection.cursor() as cursor:
        cursor.execute(_MARKS)
        return {table_name(schema, name): mark for schema, name, mark, whole in cursor.fetchall() if whole}
