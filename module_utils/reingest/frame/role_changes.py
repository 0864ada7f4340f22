"""What makes the roles of the staging server those of production, a statement each; no secret is shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from psycopg2 import sql

from ..postgres.dsn import Composed
from .roles import EVERYBODY, Membership, Role, Roles

PASSWORD = "password"  # noqa: S105 - a part of a role
# Values that are lists of names, which SET takes one by one (GUC_LIST_QUOTE, as pg_dump has them).
_LISTS = (
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
)
_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,]*?))\s*(?:,|\Z)')


@dataclass(frozen=True)
class Change:
    """One statement: ``role`` is whom it is about, ``part`` what of it, ``says`` the sentence for people."""

    role: str
    part: str
    says: str
    statement: Composed = field(repr=False)  # it may hold the hash of a password


def plan_roles(production: Roles, staging: Roles, *, last: bool) -> tuple[Change, ...]:
    """Return what is to be done, in order; roles that production has not stay as they are.

    Args:
        production: what there is to be.
        staging: what there is.
        last: the load is over. Before it, nothing touches the account that loads, and no setting is made
            that it would get. Its attributes stay in any case, and its password where the login would
            not get in again: ``account_faults`` names these.
    """
    changes: list[Change] = []
    for role in production.roles.values():
        mine = role.name == staging.account
        if not mine:
            changes += _of_role(role, staging.roles.get(role.name))
        elif last and staging.lets_in(role.password):
            changes += _password(role, staging.roles.get(role.name))
    changes += _of_memberships(production, staging, last=last)
    for role in production.roles.values():
        if last or role.name != staging.account:
            there = staging.roles.get(role.name)
            changes += _of_settings(role.name, role.settings, there.settings if there else {})
    if last:
        changes += _of_settings(EVERYBODY, production.everybody, staging.everybody)
    return tuple(changes)


def account_faults(production: Roles, staging: Roles) -> list[str]:
    """Return what of the account that loads is not production's, and stays so."""
    role, there = production.roles.get(staging.account), staging.roles.get(staging.account)
    if role is None or there is None:
        return []
    faults = [change.part for change in _of_attributes(role, there)]
    if role.password != there.password and not staging.lets_in(role.password):
        faults.append(PASSWORD)
    return faults


def _of_role(role: Role, there: Role | None) -> Iterator[Change]:
    if there is None:
        statement = sql.SQL("CREATE ROLE {}").format(sql.Identifier(role.name))
        there = Role(role.name, dict.fromkeys(role.attributes, False) | {"INHERIT": True}, -1, "", None)
        yield Change(role.name, "the role itself", f"create role {role.name} as in production", statement)
    yield from _of_attributes(role, there)
    yield from _password(role, there)


def _of_attributes(role: Role, there: Role) -> Iterator[Change]:
    words = [
        sql.SQL(keyword if wanted else f"NO{keyword}")
        for keyword, wanted in role.attributes.items()
        if there.attributes[keyword] != wanted
    ]
    if words:
        yield _altered(role.name, "attributes", sql.SQL(" ").join(words))
    if role.limit != there.limit:
        limit = sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(role.limit))
        yield _altered(role.name, "connection limit", limit)
    if role.until != there.until:
        until = sql.SQL("VALID UNTIL {}").format(sql.Literal(role.until or "infinity"))
        yield _altered(role.name, "time limit", until)


def _password(role: Role, there: Role | None) -> Iterator[Change]:
    if there is None or role.password != there.password:
        yield _altered(role.name, PASSWORD, sql.SQL("PASSWORD {}").format(sql.Literal(role.password)))


def _altered(role: str, part: str, clause: Composed) -> Change:
    statement = sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(role), clause)
    return Change(role, part, f"give role {role} production's {part}", statement)


def _of_settings(role: str, wanted: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Change]:
    whom = sql.SQL("ALL") if role == EVERYBODY else sql.Identifier(role)
    named = "all roles" if role == EVERYBODY else f"role {role}"
    for name, value in wanted.items():
        if there.get(name) != value:
            statement = sql.SQL("ALTER ROLE {} SET {} TO {}").format(
                whom, sql.Identifier(name), _value(name, value)
            )
            yield Change(role, f"setting {name}", f"give {named} production's setting {name}", statement)
    for name in there:
        if name not in wanted:
            statement = sql.SQL("ALTER ROLE {} RESET {}").format(whom, sql.Identifier(name))
            yield Change(role, f"setting {name}", f"take setting {name} from {named}", statement)


def _value(name: str, value: str) -> Composed:
    return sql.SQL(", ").join(map(sql.Literal, setting_items(name, value)))


def setting_items(name: str, value: str) -> list[str]:
    """Return the values that SET takes for a setting: of a list each name by itself."""
    if name.lower() not in _LISTS:
        return [value]
    items = [bare if quoted is None else quoted.replace('""', '"') for quoted, bare in _items(value)]
    return items or [""]


def _items(value: str) -> Iterator[tuple[str | None, str]]:
    at = 0
    while at < len(value):
        found = _ITEM.match(value, at)
        if found is None:
            return
        yield found[1], found[2]
        at = found.end()


def _of_memberships(production: Roles, staging: Roles, *, last: bool) -> Iterator[Change]:
    def ours(one: Membership) -> bool:
        return last or staging.account not in (one.role, one.member)

    known = production.roles.keys()
    for key, one in staging.memberships.items():
        # What is between roles that production has is as there; what the schema made of other roles stays.
        both = one.member in known and (one.role in known or one.role.startswith("pg_"))
        if both and ours(one) and key not in production.memberships:
            says = f"end the membership of {one.member} in {one.role}"
            yield _membership(one, "REVOKE {} FROM {}", says, " CASCADE")
    wanted = [
        one
        for key, one in production.memberships.items()
        if ours(one) and not _same(one, staging.memberships.get(key))
    ]
    for one in _in_order(wanted):
        there = staging.memberships.get(one.key)
        says = f"make {one.member} a member of {one.role} as in production"
        if one.inherit is None and there is not None and there.admin:
            yield _membership(one, "REVOKE ADMIN OPTION FOR {} FROM {}", says)
        else:
            yield _membership(one, "GRANT {} TO {}" + _options(one), says)


def _same(one: Membership, there: Membership | None) -> bool:
    return there is not None and (one.admin, one.inherit, one.set) == (there.admin, there.inherit, there.set)


def _options(one: Membership) -> str:
    if one.inherit is None:
        return " WITH ADMIN OPTION" if one.admin else ""
    flags = {"ADMIN": one.admin, "INHERIT": one.inherit, "SET": one.set}
    return " WITH " + ", ".join(f"{name} {'TRUE' if flag else 'FALSE'}" for name, flag in flags.items())


def _membership(one: Membership, form: str, says: str, end: str = "") -> Change:
    parts = [sql.Identifier(one.role), sql.Identifier(one.member)]
    if one.grantor:
        form += " GRANTED BY {}"
        parts.append(sql.Identifier(one.grantor))
    return Change(one.member, f"membership in {one.role}", says, sql.SQL(form + end).format(*parts))


def _in_order(wanted: Collection[Membership]) -> Iterator[Membership]:
    """Yield memberships so that each grantor has the right to grant before it grants."""
    left = list(wanted)
    while left:
        pending = {(one.role, one.member) for one in left if one.admin}
        ready = [one for one in left if not one.grantor or (one.role, one.grantor) not in pending]
        yield from ready or left
        left = [one for one in left if one not in ready] if ready else []
