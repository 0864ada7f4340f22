"""What PostgreSQL's own statistics know of columns: how many different values, and the most common ones.

ANALYZE looks at a sample of the rows. So a value that is missing from them may be in the table all the same:
``missing_values`` asks the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from psycopg2 import sql

from ..postgres.dsn import Connection
from .model import TableProfile
from .shape import ProfiledTable

_CATEGORIES = 100  # different values of a column that are still categories

# Of a partitioned table the row that is of all its partitions, else that of its own rows. Common: of texts,
# truths and enums.
_STATISTICS = """
SELECT DISTINCT ON (s.attname) s.attname, s.n_distinct,
       CASE WHEN b.typcategory IN ('S', 'B', 'E') AND s.n_distinct BETWEEN 1 AND %(most)s
            THEN s.most_common_vals::text::text[] END,
       s.most_common_freqs
FROM pg_stats s
JOIN pg_namespace n ON n.nspname = s.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
JOIN pg_type b ON b.oid = a.atttypid
WHERE s.schemaname = %(schema)s AND s.tablename = %(table)s
ORDER BY 1, s.inherited = %(partitioned)s DESC
"""


def with_statistics(connection: Connection, table: ProfiledTable, profile: TableProfile) -> TableProfile:
    """Return a table's profile with what the statistics know of its columns."""
    columns = dict(profile.columns)
    with connection.cursor() as cursor:
        names = {"schema": table.schema, "table": table.relation, "partitioned": table.partitioned}
        cursor.execute(_STATISTICS, {"most": _CATEGORIES, **names})
        for name, distinct, values, shares in cursor.fetchall():
            if name not in columns:
                continue
            # Negative: a share of the rows.
            count = round(distinct if distinct >= 0 else -distinct * profile.rows)
            common = dict(zip(values, map(float, shares))) if values else None
            columns[name] = replace(columns[name], distinct=count or None, common=common)
    return replace(profile, columns=columns)


def vanished_values(
    connection: Connection, table: ProfiledTable, before: TableProfile, now: TableProfile
) -> dict[str, dict[str, float]]:
    """Return which common values of production no row of the load has, with their share there, by column.

    Args:
        connection: a pinned session with the load; read once more where its statistics lack some values.
        table: the load's table.
        before: production's profile.
        now: the load's.
    """
    wanted = {}
    for name, column in now.columns.items():
        old = before.columns.get(name)
        if old is not None and old.common and old.kind == column.kind:
            values = [value for value in old.common if value not in (column.common or {})]
            if values:
                wanted[name] = values
    return {
        name: {value: (before.columns[name].common or {})[value] for value in values}
        for name, values in _missing(connection, table, wanted)
        if values
    }


def _missing(
    connection: Connection, table: ProfiledTable, wanted: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the values that no row has, by column."""
    if not wanted:
        return
    parts = [
        sql.SQL("array_agg(DISTINCT {0}::text) FILTER (WHERE {0}::text = ANY({1}::text[]))").format(
            sql.Identifier("c", column), sql.Literal(list(values))
        )
        for column, values in wanted.items()
    ]
    query = sql.SQL("SELECT {} FROM {} AS c").format(sql.SQL(", ").join(parts), table.own)
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchone()
    for (column, values), there in zip(wanted.items(), found):
        yield column, [value for value in values if value not in (there or ())]
