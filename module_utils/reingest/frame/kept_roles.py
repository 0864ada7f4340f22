"""Roles on the volume: those of a server that is left, until the earlier one that is to serve runs.

They hold password hashes: the file is this account's alone, and goes once they are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from ..fs.durable_record import DurableRecord
from ..fs.record_values import record_from
from .bring import Brought, apply_changes
from .role_changes import plan_roles
from .roles import ATTRIBUTES, Membership, Role, Roles, read_roles

T = TypeVar("T")

_VERSION = 1
_FILE = "roles.json"


def _is_complete(attributes: Mapping[str, bool]) -> bool:
    return attributes.keys() == set(ATTRIBUTES.values())  # each is a word of a statement


@dataclass(frozen=True)
class KeptRole:
    """A role, see ``Role``."""

    name: str
    attributes: Annotated[Mapping[str, bool], _is_complete]
    limit: int
    until: str
    password: tuple[str, ...] = field(repr=False)  # its hash; none: it has no password
    settings: Mapping[str, str]


@dataclass(frozen=True)
class KeptMembership:
    """A membership, see ``Membership``."""

    role: str
    member: str
    grantor: str
    admin: bool
    inherit: tuple[bool, ...]  # none before PostgreSQL 16
    set: tuple[bool, ...]


@dataclass(frozen=True)
class KeptRoles:
    """All roles of a server."""

    roles: tuple[KeptRole, ...]
    everybody: Mapping[str, str]
    memberships: tuple[KeptMembership, ...]
    version: int = _VERSION


def kept_roles(folder: Path) -> DurableRecord[KeptRoles]:
    """Return the record in a folder."""
    return DurableRecord(
        folder / _FILE,
        lambda raw: record_from(KeptRoles, raw),
        _VERSION,
        called="the record of roles",
        if_damaged=": make the roles yourself, then delete it",
    )


def keep_roles(folder: Path, login: str) -> None:
    """Write a server's roles down.

    Args:
        folder: where, a folder of this account alone.
        login: a superuser's connection string.

    Raises:
        Refusal: the server does not answer.
    """
    found = read_roles(login)
    if found is None:
        return
    kept = KeptRoles(
        tuple(
            KeptRole(one.name, one.attributes, one.limit, one.until, _some(one.password), one.settings)
            for one in found.roles.values()
        ),
        found.everybody,
        tuple(
            KeptMembership(one.role, one.member, one.grantor, one.admin, _some(one.inherit), _some(one.set))
            for one in found.memberships.values()
        ),
    )
    kept_roles(folder).write(kept)


def bring_kept(folder: Path, login: str) -> Brought:
    """Make the roles that were written down in the server that serves next, and forget them.

    Args:
        folder: where they were written down.
        login: a superuser's connection string of that server.

    Raises:
        Refusal: the server does not answer, or the record is damaged.
    """
    kept = kept_roles(folder).read()
    there = read_roles(login) if kept is not None else None
    if kept is None or there is None:
        return Brought((), ())
    done = apply_changes(login, plan_roles(roles_of(kept), there, last=True))
    forget_roles(folder)
    return done


def forget_roles(folder: Path) -> None:
    """Take the record away."""
    kept_roles(folder).remove()


def roles_of(kept: KeptRoles) -> Roles:
    """Return roles as a server's login sees them; whose login it was is not known."""
    members = [
        Membership(one.role, one.member, one.grantor, one.admin, _one_of(one.inherit), _one_of(one.set))
        for one in kept.memberships
    ]
    roles = {
        one.name: Role(one.name, one.attributes, one.limit, one.until, _one_of(one.password), one.settings)
        for one in kept.roles
    }
    return Roles("", True, roles, kept.everybody, {one.key: one for one in members})


def _some(value: T | None) -> tuple[T, ...]:
    return () if value is None else (value,)


def _one_of(values: tuple[T, ...]) -> T | None:
    return values[0] if values else None
