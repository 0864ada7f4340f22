"""What is to be done to roles, as a plan: in an order that works, and with no secret shown."""

from __future__ import annotations

from plugins.module_utils.reingest.frame.role_changes import account_faults, plan_roles
from plugins.module_utils.reingest.frame.roles import Membership, Role, Roles

FLAGS = dict.fromkeys(("SUPERUSER", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS"), False)


def role(name, password=None, *, settings=(), **flags):
    return Role(name, {**FLAGS, "INHERIT": True, **flags}, -1, "", password, dict(settings))


def roles(*found, account="loader", members=(), everybody=(), secret=None):
    named = {one.name: one for one in found}
    return Roles(account, True, named, dict(everybody), {one.key: one for one in members}, secret)


def member(of, name, grantor="", *, admin=False):
    return Membership(of, name, grantor, admin, True, True)


def says(production, staging, *, last=False):
    return [change.says for change in plan_roles(production, staging, last=last)]


def test_the_same_roles_are_nothing_to_do():
    same = roles(role("a", "hash"), role("loader"), members=[member("a", "loader")])
    assert says(same, same, last=True) == []


def test_a_grantor_has_the_right_to_grant_before_it_grants():
    production = roles(
        *map(role, "abcd"),
        members=[member("a", "b", "c"), member("a", "c", "d", admin=True), member("a", "d", admin=True)],
    )
    made = [text for text in says(production, roles(*map(role, "abcd"))) if "member" in text]
    assert made == [f"make {name} a member of a as in production" for name in "dcb"]


def test_grants_in_a_circle_come_to_an_end():
    members = [member("a", "b", "c", admin=True), member("a", "c", "b", admin=True)]
    assert len(says(roles(*map(role, "abc"), members=members), roles(*map(role, "abc")))) == 2


def test_nothing_touches_the_account_that_loads_before_the_end():
    production = roles(
        role("loader", "new", settings={"work_mem": "1MB"}),
        role("a"),
        members=[member("a", "loader"), member("loader", "a")],
        everybody={"lock_timeout": "9s"},
    )
    staging = roles(role("loader", "old"), role("a"))
    assert says(production, staging) == []
    assert len(says(production, staging, last=True)) == 5


def test_the_attributes_of_the_account_that_loads_are_a_fault_and_never_changed():
    production, staging = roles(role("loader")), roles(role("loader", SUPERUSER=True))
    assert says(production, staging, last=True) == []
    assert account_faults(production, staging) == ["attributes"]


def test_a_hash_that_the_login_would_not_get_in_with_is_a_fault_and_never_set():
    production, staging = roles(role("loader", "new")), roles(role("loader", "old"), secret="word")
    assert says(production, staging, last=True) == []
    assert account_faults(production, staging) == ["password"]


def test_no_change_shows_a_hash():
    changes = plan_roles(roles(role("a", "SCRAM-SHA-256$secret")), roles(), last=True)
    assert [change.part for change in changes] == ["the role itself", "password"]
    assert "secret" not in repr(changes)
    assert "secret" in repr([change.statement for change in changes])
