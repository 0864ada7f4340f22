"""The roles of a server as values: attributes, password hashes, settings, and who is a member of what."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from ..postgres.dsn import Connection, Cursor, connect, with_database

EVERYBODY = ""  # the role of settings that ALTER ROLE ALL made
_OPTIONS_FROM = 160000  # a membership has its own options, and one for each grantor
_BOOTSTRAP = 10  # the superuser that initdb made: it grants whatever nobody else does

ATTRIBUTES = {
    "rolsuper": "SUPERUSER",
    "rolinherit": "INHERIT",
    "rolcreaterole": "CREATEROLE",
    "rolcreatedb": "CREATEDB",
    "rolcanlogin": "LOGIN",
    "rolreplication": "REPLICATION",
    "rolbypassrls": "BYPASSRLS",
}
# PostgreSQL's own roles are in every cluster. No time limit and one that never comes are the same.
_ROLES = """
SELECT rolname::text, {flags}, rolconnlimit,
    coalesce(nullif(rolvaliduntil, 'infinity')::text, ''), rolpassword
FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1
"""
_SETTINGS = """
SELECT coalesce(r.rolname::text, ''), s.setconfig
FROM pg_db_role_setting s LEFT JOIN pg_authid r ON r.oid = s.setrole
WHERE s.setdatabase = 0
"""
_MEMBERS = """
SELECT r.rolname::text, m.rolname::text, {grantor}, a.admin_option, {inherit}, {set}
FROM pg_auth_members a JOIN pg_authid r ON r.oid = a.roleid JOIN pg_authid m ON m.oid = a.member
LEFT JOIN pg_authid g ON g.oid = a.grantor
WHERE m.rolname !~ '^pg_'
"""
_OWN = {
    "grantor": f"CASE WHEN a.grantor = {_BOOTSTRAP} THEN '' ELSE coalesce(g.rolname::text, '') END",
    "inherit": "a.inherit_option",
    "set": "a.set_option",
}
_NONE = {"grantor": "''", "inherit": "NULL::bool", "set": "NULL::bool"}
_PINNED = "SET search_path = pg_catalog; SET DateStyle = 'ISO, MDY'; SET TimeZone = 'UTC'"


@dataclass(frozen=True)
class Role:
    """One role; ``attributes`` are by their keyword, ``settings`` by their name, ``until`` empty for ever."""

    name: str
    attributes: Mapping[str, bool]
    limit: int
    until: str
    password: str | None = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Membership:
    """One membership; before PostgreSQL 16 it has no options of its own and no grantor that counts.

    ``grantor`` is empty for the superuser that initdb made, whose name differs between clusters.
    """

    role: str
    member: str
    grantor: str
    admin: bool
    inherit: bool | None
    set: bool | None

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what there is one of."""
        return self.role, self.member, self.grantor


@dataclass(frozen=True)
class Roles:
    """All roles of a server, as one login sees them.

    ``secret`` is the password that the login was asked for; None where it needed none.
    """

    account: str
    superuser: bool
    roles: Mapping[str, Role]
    everybody: Mapping[str, str]
    memberships: Mapping[tuple[str, str, str], Membership]
    secret: str | None = field(repr=False, default=None)

    def lets_in(self, password: str | None) -> bool:
        """Return whether the login gets in again when its account has that hash."""
        return self.secret is None or (password is not None and opens(password, self.account, self.secret))


def read_roles(dsn: str) -> Roles | None:
    """Return a server's roles; None where the login may not read password hashes.

    Raises:
        Refusal: the server does not answer.
    """
    with (
        closing(connect(with_database(dsn, "postgres"), autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_PINNED)
        try:
            return _read(connection, cursor)
        except psycopg2.errors.InsufficientPrivilege:
            return None


def role_names(dsn: str) -> set[str]:
    """Return the names of a server's roles, which every login may read.

    Raises:
        Refusal: the server does not answer.
    """
    with (
        closing(connect(with_database(dsn, "postgres"), autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'")
        return {row[0] for row in cursor.fetchall()}


def opens(password_hash: str, account: str, secret: str) -> bool:
    """Return whether a password is the one that a hash was made of: SCRAM-SHA-256 (RFC 5802) or MD5."""
    if password_hash.startswith("md5"):
        made = hashlib.md5((secret + account).encode(), usedforsecurity=False).hexdigest()
        return hmac.compare_digest(password_hash, f"md5{made}")
    try:
        mechanism, parts, keys = password_hash.split("$")
        iterations, _, salt = parts.partition(":")
        stored = b64decode(keys.partition(":")[0], validate=True)
        salted = hashlib.pbkdf2_hmac(
            "sha256", secret.encode(), b64decode(salt, validate=True), int(iterations)
        )
    except ValueError:
        return False
    client = hmac.new(salted, b"Client Key", "sha256").digest()
    return mechanism == "SCRAM-SHA-256" and hmac.compare_digest(hashlib.sha256(client).digest(), stored)


def _read(connection: Connection, cursor: Cursor) -> Roles:
    cursor.execute("SELECT session_user, (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)")
    account, superuser = cursor.fetchone()
    cursor.execute(_SETTINGS)
    settings = {name: _settings(lines) for name, lines in cursor.fetchall()}
    cursor.execute(_ROLES.format(flags=", ".join(ATTRIBUTES)))
    roles = {row[0]: _role(row, settings) for row in cursor.fetchall()}
    cursor.execute(_MEMBERS.format(**(_OWN if connection.server_version >= _OPTIONS_FROM else _NONE)))
    members = [Membership(*row) for row in cursor.fetchall()]
    info = connection.info
    return Roles(
        account,
        superuser,
        roles,
        settings.get(EVERYBODY, {}),
        {one.key: one for one in members},
        info.password if info.used_password else None,
    )


def _role(row: tuple[Any, ...], settings: Mapping[str, Mapping[str, str]]) -> Role:
    name, *flags, limit, until, password = row
    return Role(name, dict(zip(ATTRIBUTES.values(), flags)), limit, until, password, settings.get(name, {}))


def _settings(lines: list[str]) -> dict[str, str]:
    parts = (line.partition("=") for line in lines)
    return {name: value for name, _, value in parts}
