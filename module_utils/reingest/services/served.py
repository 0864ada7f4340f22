"""Whether the backend, by its own login, reads the snapshot that production was switched to."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from ..disclosure.secrets import masked, secret_texts
from ..engines.model import PROBE, Service
from ..errors import Refusal
from ..postgres.control import read_control
from ..postgres.dsn import Connection, Cursor, Unreachable, address, connect_as_is
from .health import refused

_POLL_S = 0.2
_CONNECT_S = 2
_STATEMENT_MS = 5000  # a backend that migrates its tables as it starts may lock one
_LONGEST = 100  # of what a server says
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+(?=://)")  # SQLAlchemy's: postgresql+psycopg2://

_READABLE = (
    "has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')"
    ", row_security_active(c.oid)"
)
# Of the tables that the load filled first those that the role may read, whole, and of them the largest.
_LOADED_TABLES = f"""
SELECT n.nspname, c.relname, t.loaded, {_READABLE}
FROM reingest.load_table t
JOIN pg_class c ON c.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.owner = 'source' AND t.loaded > 0
  AND t.name = CASE n.nspname WHEN 'public' THEN c.relname::text ELSE n.nspname || '.' || c.relname END
ORDER BY 4 DESC, 5, 3 DESC, 1, 2
"""  # noqa: S608 - constants
_ANY_TABLES = f"""
SELECT n.nspname, c.relname, c.reltuples::bigint, {_READABLE}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname NOT IN ('information_schema', 'reingest') AND n.nspname !~ '^pg_'
ORDER BY 4 DESC, 5, 3 DESC, 1, 2
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Backend:
    """The backend's connection string: itself, or the variable of this host's environment that holds it."""

    dsn: str = ""
    dsn_env: str = ""
    host: str = ""  # where the server is reached from here, in place of the string's host, and
    port: str = ""
    beside: bool = True  # whether a backend runs on this host, so that the login comes from where its own do


@dataclass(frozen=True)
class Expected:
    """What must be served."""

    snapshot: str
    loaded: bool = True  # reingest loaded it, so that its database holds the id; an adopted one has none
    data: Path | None = None  # production's data directory, which identifies an adopted one


@dataclass(frozen=True)
class Login:
    """A login that can be tried; the string is never shown."""

    dsn: str
    elsewhere: str = ""  # in which way it is not the client's own; empty: it is

    def did(self, snapshot: str) -> list[str]:
        """Return what is proven by it, and what is not."""
        told = [f"prove that the backend's own login reads {snapshot}"]
        if self.elsewhere:
            told.append(f"log in {self.elsewhere}: the client's own line of pg_hba.conf is not tried")
        return told


def backend_login(backend: Backend, environment: Mapping[str, str]) -> Login:
    """Return the login that a backend's connection string says.

    Raises:
        Refusal: it is given twice, the environment lacks it, or libpq cannot read it.
    """
    if backend.dsn and backend.dsn_env:
        raise Refusal("both reingest_backend_dsn and reingest_backend_dsn_env are set: leave out one of them")
    text = backend.dsn or environment.get(backend.dsn_env, "")
    if not text:
        raise Refusal(
            f"the environment of this host has no variable {backend.dsn_env} (reingest_backend_dsn_env): set "
            "it for the account that the modules run as, or set reingest_backend_dsn"
        )
    try:
        parts = dict(parse_dsn(_DRIVER.sub(r"\1", text)))
    except psycopg2.ProgrammingError:  # its message repeats parts of the string
        raise Refusal(
            "the backend's connection string is not one that libpq reads: write it as "
            "postgresql://user@host:port/database, with / @ : # and ? of a password written as %2F %40 %3A "
            "%23 and %3F"
        ) from None
    own = dict(parts)
    if backend.host:
        parts.pop("hostaddr", None)  # libpq would prefer it
        parts["host"] = backend.host
        if "," in parts.get("port", ""):
            parts["port"] = parts["port"].partition(",")[0]
    if backend.port:
        parts["port"] = backend.port
    dsn = str(make_dsn(**parts))
    if parts != own:
        return Login(dsn, f"at {address(dsn)}, not where the backend does")
    return Login(dsn, "" if backend.beside else "from a host without a backend")


def prove_served(login: Login, expected: Expected, *, timeout: float) -> None:
    """Wait so many seconds until the login reads the snapshot; 0 is one try.

    Raises:
        Refusal: it is another one, it does not answer in time, or the role may not log in or read.
    """
    deadline = time.monotonic() + timeout
    late = ""
    try:
        reason = _why_not(login.dsn, expected)
        while reason and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            reason = _why_not(login.dsn, expected)
        late = f" after {timeout:.0f} s" if timeout else ""
    except Refusal as refusal:
        reason = str(refusal)
    if reason:
        told = masked(reason, secret_texts((login.dsn,)))
        raise Refusal(f"the backend's own login does not read {expected.snapshot}{late}: {told}")


def _why_not(dsn: str, expected: Expected) -> str:
    """Return why the snapshot is not read yet; an empty text when it is.

    Raises:
        Refusal: waiting longer is of no use.
    """
    try:
        connection = connect_as_is(dsn, timeout=_CONNECT_S)
    except Unreachable as unreachable:
        return str(unreachable)
    except Refusal as refusal:
        text = str(refusal)
        if refused(text) or "does not exist" in text or "permission denied" in text:
            raise
        return text  # no connection is free, say
    with closing(connection):
        try:
            return _unread(connection, expected)
        except psycopg2.errors.InsufficientPrivilege as error:
            raise Refusal(f"{_first_line(error)}; grant it in the dataset's schema") from None
        except psycopg2.Error as error:
            return f"{address(dsn)}: {_first_line(error)}"


def _unread(connection: Connection, expected: Expected) -> str:
    """Read in one transaction, so that a pooler keeps nothing of it."""
    connection.set_session(readonly=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", (str(_STATEMENT_MS),))
        other = _other_load(cursor, expected) if expected.loaded else _other_cluster(cursor, expected)
        if other:
            return other
        cursor.execute("SELECT current_user")
        _read_a_row(cursor, str(cursor.fetchone()[0]), loaded=expected.loaded)
    return ""


def _other_load(cursor: Cursor, expected: Expected) -> str:
    cursor.execute("SELECT to_regclass('reingest.load') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return "the database that answers was not loaded by reingest (it has no table reingest.load)"
    cursor.execute("SELECT snapshot FROM reingest.load ORDER BY began DESC LIMIT 1")
    row = cursor.fetchone()
    found = str(row[0])[:_LONGEST] if row else "nothing"
    return "" if found == expected.snapshot else f"the database that answers holds {found}"


def _other_cluster(cursor: Cursor, expected: Expected) -> str:
    place = Service("production", PROBE, data=expected.data).place
    wanted = read_control(place).system_identifier
    cursor.execute("SELECT system_identifier FROM pg_control_system()")
    found = str(cursor.fetchone()[0])
    if found == str(wanted):
        return ""
    return f"the server that answers has system identifier {found}, {expected.data} has {wanted}"


def _read_a_row(cursor: Cursor, role: str, *, loaded: bool) -> None:
    """Read a row of a source-owned table that the load filled; of an adopted snapshot of any table.

    Raises:
        Refusal: there is none, or the role may not.
    """
    what = "source-owned table with rows" if loaded else "table"
    cursor.execute(_LOADED_TABLES if loaded else _ANY_TABLES)
    tables = cursor.fetchall()
    if not tables:
        raise Refusal(f"the database has no {what}")
    readable = [table for table in tables if table[3]]
    if not readable:
        schema, name = tables[0][:2]
        raise Refusal(
            f"role {role} may read no {what} (table {schema}.{name}, for one): grant it SELECT, and USAGE of "
            "the schema, in the dataset's schema"
        )
    for schema, name, *_ in readable[:1] if loaded else readable:
        cursor.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(schema, name)))
        if cursor.fetchone() is not None:
            return
    schema, name, rows = readable[0][:3]
    if loaded:
        raise Refusal(f"table {schema}.{name} has no row for role {role}, and the load put {rows} into it")
    raise Refusal(f"no table that role {role} may read has a row")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
