"""Print all that a dry run must leave as it is, as JSON: the volume, both databases, the containers.

Usage: state.py VOLUME STAGING_DSN PRODUCTION_DSN CONTAINER,...
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

# All that the catalogs say of the user's objects: tables, columns, constraints, indexes, roles.
_CATALOGS = """
    SELECT 'relation', oid::regclass::text, relkind::text, relfilenode::text, pg_get_userbyid(relowner)
      FROM pg_class WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       AND relnamespace::regnamespace::text !~ '^pg_t'
    UNION ALL SELECT 'column', attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod),
           attnotnull::text
      FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       AND relnamespace::regnamespace::text !~ '^pg_t' AND attnum > 0
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), ''
      FROM pg_constraint WHERE conrelid <> 0
    UNION ALL SELECT 'database', datname::text, oid::text, '', '' FROM pg_database
    UNION ALL SELECT 'role', rolname::text, oid::text, '', '' FROM pg_roles
    ORDER BY 1, 2, 3, 4
"""


def main() -> None:
    """Print the state."""
    volume, staging, production, containers = sys.argv[1:]
    state = {
        "files": files(Path(volume)),
        "staging": database(staging),
        "production": database(production),
        "containers": [container(name) for name in containers.split(",")],
    }
    print(json.dumps(state, indent=1, sort_keys=True))


def files(volume: Path) -> dict[str, list[Any]]:
    """Return name, type, mode, owner, link and content of all that lies outside data directories."""
    found: dict[str, list[Any]] = {}
    pending = [volume]
    while pending:
        path = pending.pop()
        status = path.lstat()
        link = str(path.readlink()) if path.is_symlink() else ""
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not link else ""
        found[str(path.relative_to(volume))] = [
            oct(status.st_mode),
            status.st_uid,
            status.st_gid,
            link,
            content,
        ]
        if path.is_dir() and not link and not (path / "PG_VERSION").exists():
            pending += path.iterdir()
    return found


def database(dsn: str) -> Any:
    """Return the catalogs and a checksum of the rows of every table; why, when the server does not answer."""
    try:
        connection = psycopg2.connect(dsn, connect_timeout=3)
    except psycopg2.OperationalError as error:
        return str(error).splitlines()[0].split(" failed:")[-1].strip()
    with connection, connection.cursor() as cursor:
        cursor.execute(_CATALOGS)
        catalogs = cursor.fetchall()
        tables = sorted(name for kind, name, form, *_ in catalogs if kind == "relation" and form == "r")
        sums = {}
        for table in tables:
            identifier = sql.SQL(".").join(map(sql.Identifier, table.split(".")))
            query = sql.SQL("SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {} t").format(identifier)
            cursor.execute(query)
            sums[table] = [str(value) for value in cursor.fetchone()]
    connection.close()
    return {"catalogs": catalogs, "rows": sums}


def container(name: str) -> str:
    """Return a container's id, state, start time and restart policy."""
    form = "{{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.HostConfig.RestartPolicy.Name}}"
    done = subprocess.run(
        ["docker", "inspect", "--format", form, name], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
