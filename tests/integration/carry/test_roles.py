"""Roles that were made or changed since the load go with users' rows, forwards and back."""

from __future__ import annotations

import json
import stat

import pytest
from psycopg2.extensions import make_dsn

from plugins.module_utils.reingest.carry.give_back import open_database, without_rows
from plugins.module_utils.reingest.carry.record import carried_folder
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.dsn import connect

NAMES = ("ada", "late", "readers")
MEMBERS = "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members WHERE member > 16383"


def logs_in(server, name, password, database="portal"):
    try:
        connect(make_dsn(server.dsn(database), user=name, password=password)).close()
    except Refusal:
        return False
    return True


@pytest.fixture
def loaded(portal, servers):
    """Return a portal with a load; role ada is in both servers, with password "first"."""
    portal.make("CREATE TABLE t (a int)", {"t": "quarantine"})
    portal.live("INSERT INTO t VALUES (1)")
    for server in servers:
        server.rows("CREATE ROLE ada LOGIN PASSWORD 'first'")
    yield portal
    for server in servers:
        for name in NAMES:
            server.rows(f"DROP ROLE IF EXISTS {name}")


def change(server):
    server.rows("ALTER ROLE ada PASSWORD 'second'")
    server.rows("CREATE ROLE late LOGIN PASSWORD 'late' CONNECTION LIMIT 3")
    server.rows("CREATE ROLE readers")
    server.rows("GRANT readers TO late")
    server.rows("ALTER ROLE late SET work_mem = '5MB'")


CHANGES = {
    "give role ada production's password",
    "create role late as in production",
    "create role readers as in production",
    "make late a member of readers as in production",
    "give role late production's setting work_mem",
}


def has_changes(server):
    assert logs_in(server, "ada", "second")
    assert not logs_in(server, "ada", "first")
    assert logs_in(server, "late", "late")
    assert server.rows(MEMBERS) == [("readers", "late")]
    return True


def test_what_changed_during_the_load_is_in_the_new_server(loaded):
    change(loaded.production)
    made = loaded.carry()
    assert set(made.did) >= CHANGES
    assert has_changes(loaded.staging)
    assert made.lines == ("t: 1 carried, 0 differ",)
    assert made.warnings == ()


def test_where_nothing_changed_nothing_is_done(loaded):
    loaded.carry()
    assert loaded.carry(run="run-2").did == ()


def test_what_cannot_be_made_is_a_warning_and_rows_are_carried(loaded):
    loaded.production.rows(
        "SET allow_system_table_mods = on; INSERT INTO pg_db_role_setting"
        " SELECT 0, 'ada'::regrole, ARRAY['no_such_setting=1']"
    )
    made = loaded.carry()
    assert "no_such_setting: unrecognized configuration parameter" in made.warnings[0]
    assert made.lines == ("t: 1 carried, 0 differ",)


class Back:
    """The way back to the earlier snapshot, production's of the load."""

    def __init__(self, portal):
        self.portal, self.old, self.new = portal, portal.production, portal.staging
        self.file = carried_folder(portal.volume, "run-2") / "roles.json"

    def take(self):
        self.portal.take()

    def open(self, how=open_database):
        return self.portal.open(how=how)


@pytest.fixture
def back(loaded):
    loaded.carry()
    return Back(loaded)


def test_what_changed_in_the_server_that_is_left_is_in_the_earlier_one(back):
    change(back.new)
    back.take()
    opened = back.open()
    assert set(opened.did) >= CHANGES
    assert opened.warnings == ()
    assert has_changes(back.old)
    assert back.portal.live("SELECT a FROM t") == [(1,)]


def test_hashes_lie_on_the_volume_for_this_account_alone_and_only_until_they_are_made(back):
    back.take()
    assert "SCRAM-SHA-256$" in back.file.read_text()
    assert stat.S_IMODE(back.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(back.file.parent.stat().st_mode) == 0o700
    assert "SCRAM" not in str(back.open())
    assert not back.file.exists()


def test_without_rows_no_hash_stays_on_the_volume(back):
    back.take()
    back.open(without_rows)
    assert not back.file.exists()


@pytest.mark.attack
@pytest.mark.parametrize(
    "attributes",
    [
        {"LOGIN": True},
        {"SUPERUSER LOGIN PASSWORD 'x'; CREATE ROLE late": True},
        {"LOGIN": "true"},
    ],
)
def test_a_record_that_was_changed_makes_no_role_and_keeps_no_row_back(back, attributes):
    back.take()
    document = json.loads(back.file.read_text())
    document["roles"][0]["attributes"] = attributes
    back.file.write_text(json.dumps(document))
    opened = back.open()
    assert "is damaged: make the roles yourself" in opened.warnings[0]
    assert opened.did == ("carry t: 1 carried, 0 differ", "lift the fence of database portal")
    assert not logs_in(back.old, "late", "x")
