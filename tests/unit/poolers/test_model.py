"""Poolers as an inventory has them: what cannot be used is refused, and no password is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.poolers.model import poolers_from, restored

NOWHERE = Path("/nonexistent")
ADMIN = "host=pooler port=6432 user=admin"


def one(admin=ADMIN, database="portal", *, environment=None, home=NOWHERE):
    (made,) = poolers_from([{"admin": admin, "database": database}], environment=environment or {}, home=home)
    return made


def test_the_console_is_asked_and_messages_name_the_place():
    made = one()
    assert parse_dsn(made.admin) == {"host": "pooler", "port": "6432", "user": "admin", "dbname": "pgbouncer"}
    assert str(made) == "database portal of the pooler at pooler:6432"
    assert restored([made.stored()]) == (made,)


def test_the_password_file_of_the_account_is_written_down_where_none_is_named(tmp_path):
    (tmp_path / ".pgpass").write_text("")
    (tmp_path / "other").write_text("")
    environment = {"PGPASSFILE": str(tmp_path / "other")}
    assert parse_dsn(one(home=tmp_path).admin)["passfile"] == str(tmp_path / ".pgpass")
    assert parse_dsn(one(home=tmp_path, environment=environment).admin)["passfile"] == str(tmp_path / "other")
    named = one(f"{ADMIN} passfile=/etc/reingest/pgpass", home=tmp_path)
    assert parse_dsn(named.admin)["passfile"] == "/etc/reingest/pgpass"


@pytest.mark.parametrize(
    ("admin", "database", "told"),
    [
        (f"{ADMIN} password=hidden", "portal", "holds a password"),
        ("postgresql://admin:hidden@pooler:6432/pgbouncer", "portal", "holds a password"),
        ("host=a,b port=6432", "portal", "names several hosts"),
        (f"{ADMIN} dbname=portal", "portal", "the admin console is database pgbouncer"),
        ("", "portal", "lacks admin"),
        (ADMIN, "", "database"),
        ("what is this", "portal", "not one that libpq reads"),
    ],
)
def test_what_cannot_be_used_is_refused_without_its_password(admin, database, told):
    with pytest.raises(Refusal, match=told) as refused:
        one(admin, database)
    assert "hidden" not in str(refused.value)


def test_one_that_is_named_twice_is_refused():
    twice = [
        {"admin": ADMIN, "database": "portal"},
        {"admin": f"{ADMIN} dbname=pgbouncer", "database": "portal"},
    ]
    with pytest.raises(Refusal, match="names database portal of the pooler at pooler:6432 twice"):
        poolers_from(twice, environment={}, home=NOWHERE)
