"""By which versions of the C library and of ICU the indexes of a cluster are sorted, and which a server has.

A server with others (another image) reads such indexes in an order that is not theirs: it misses rows, and a
unique key takes doubles. https://wiki.postgresql.org/wiki/Locale_data_changes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing

from .dsn import connect, with_database

_MAINTENANCE = "postgres"
_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"
# to_jsonb: each major has other columns. A libc has one version for all of its locales, ICU one for each.
_COLLATIONS = """
SELECT k.oid, k.collversion, CASE k.collprovider WHEN 'c' THEN 'libc'
    ELSE 'icu:' || coalesce(j ->> 'colllocale', j ->> 'colliculocale', j ->> 'collcollate', '') END AS name
FROM pg_collation k CROSS JOIN LATERAL to_jsonb(k) j WHERE k.collprovider IN ('c', 'i')
"""
_DEFAULTS = """
SELECT d.oid, j, CASE coalesce(j ->> 'datlocprovider', 'c') WHEN 'c' THEN 'libc'
    ELSE 'icu:' || coalesce(j ->> 'datlocale', j ->> 'daticulocale', '') END AS name
FROM pg_database d CROSS JOIN LATERAL to_jsonb(d) j
WHERE coalesce(j ->> 'datlocprovider', 'c') IN ('c', 'i')
"""
# What keys of indexes and bounds of partitions are sorted by. PostgreSQL 14 does not know by which version
# its databases were made: the one that it has then.
_MADE = f"""
WITH used AS (
    SELECT unnest(indcollation) AS oid FROM pg_index WHERE indexrelid >= 16384
    UNION SELECT unnest(partcollation) FROM pg_partitioned_table
), collations AS ({_COLLATIONS}), defaults AS ({_DEFAULTS})
SELECT name, collversion FROM collations WHERE oid IN (SELECT oid FROM used) AND collversion IS NOT NULL
UNION
SELECT name, version FROM (
    SELECT name, CASE WHEN j ? 'datcollversion' THEN j ->> 'datcollversion'
        WHEN j ->> 'datcollate' NOT IN ('C', 'POSIX') THEN
            (SELECT max(pg_collation_actual_version(oid)) FROM collations WHERE name = 'libc') END AS version
    FROM defaults WHERE j ->> 'datname' = current_database()
) d WHERE version IS NOT NULL AND 'default'::regcollation IN (SELECT oid FROM used)
"""  # noqa: S608 - constants of this file
_ACTUAL = f"""
SELECT name, max(pg_collation_actual_version(oid)) FROM ({_COLLATIONS}) k GROUP BY name
"""  # noqa: S608 - constants of this file
_ACTUAL_OF_DATABASES = f"""
SELECT name, max(pg_database_collation_actual_version(oid)) FROM ({_DEFAULTS}) d GROUP BY name
"""  # noqa: S608 - constants of this file
_NONE = "none"  # the C library gives its version to nobody (musl), or has no locales

Versions = Mapping[str, Sequence[str]]  # by "libc" or "icu:<locale>"


def made_by(dsn: str) -> dict[str, list[str]]:
    """Return by which versions the indexes of all databases of a server are sorted.

    What has no version (C, POSIX, PostgreSQL's own) is left out: it never changes.

    Raises:
        Refusal: the server does not answer, or refuses the login.
    """
    found: dict[str, set[str]] = {}
    for database in (str(name) for (name,) in _rows(dsn, _MAINTENANCE, _DATABASES)):
        for name, version in _rows(dsn, database, _MADE):
            found.setdefault(str(name), set()).add(str(version))
    return {name: sorted(versions) for name, versions in sorted(found.items())}


def given_by(dsn: str) -> dict[str, str]:
    """Return the versions that a server has, of all that it knows; ``none`` where it has none.

    Raises:
        Refusal: the server does not answer, or refuses the login.
    """
    with closing(connect(with_database(dsn, _MAINTENANCE))) as connection:
        since_15 = connection.server_version >= 150000
    rows = _rows(dsn, _MAINTENANCE, _ACTUAL)
    rows += _rows(dsn, _MAINTENANCE, _ACTUAL_OF_DATABASES) if since_15 else []
    found = {str(name): _NONE for name, _ in rows}
    return {**found, **{str(name): str(version) for name, version in rows if version is not None}}


def changed_versions(made: Versions, given: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return what differs: the collations, the version that made indexes, and the one that would read them.

    Args:
        made: what ``made_by`` returned when the indexes were made.
        given: what ``given_by`` returned; what it does not name is not known.
    """
    return [
        (name, version, given[name])
        for name, versions in made.items()
        for version in versions
        if name in given and version != given[name]
    ]


def _rows(dsn: str, database: str, query: str) -> list[tuple[object, ...]]:
    login = with_database(dsn, database)
    with closing(connect(login, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path = pg_catalog")
        cursor.execute(query)
        return list(cursor.fetchall())
