"""After the stop: whether somebody wrote behind the fence, by the control file or by the WAL."""

from __future__ import annotations

import shutil
from contextlib import closing

import pytest
from clusters import MAJORS, as_unprivileged
from tiers import sample

from plugins.module_utils.reingest.carry.fence import control_session, lift_fence
from plugins.module_utils.reingest.carry.record import carried_record
from plugins.module_utils.reingest.carry.untouched import untouched
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres import waldump

from .conftest import DATABASE, Portal

BY_NUMBER = "nobody wrote into production after the fence"
BY_WAL = "nobody wrote into production's portal-owned tables after the fence (read from its log)"
SCHEMA = """
CREATE TABLE object (id text PRIMARY KEY);
CREATE TABLE event (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (1000);
"""
OWNERS = {"object": "source", "event": "quarantine"}
CHANGES = {
    "insert": "INSERT INTO event VALUES (500, 'behind the fence')",
    "copy": "INSERT INTO event SELECT n, 'x' FROM generate_series(500, 600) n",
    "update": "UPDATE event SET note = 'changed' WHERE id = 1",
    "toast": "UPDATE event SET note = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 9999) n)",
    "delete": "DELETE FROM event WHERE id = 1",
    "truncate": "TRUNCATE event",
    "drop": "DROP TABLE event_1",
    "subtransaction": "DO $$ BEGIN BEGIN INSERT INTO event VALUES (501); EXCEPTION WHEN division_by_zero THEN END; END $$",
}
NO_CHANGES = {
    "another database": None,
    "vacuum": "VACUUM (FREEZE) event",
    "lock": "SELECT FROM event FOR UPDATE",
    "another table": "INSERT INTO object VALUES ('z')",
    "undone": "DO $$ BEGIN INSERT INTO event VALUES (502); RAISE 'no'; END $$",
    "undone in part": "DO $$ BEGIN BEGIN INSERT INTO event VALUES (503); RAISE 'no'; EXCEPTION WHEN raise_exception"
    " THEN END; INSERT INTO object VALUES ('y'); END $$",
}


class Stopped:
    """A portal whose production was stopped behind its carry-over, and started again for the next."""

    def __init__(self, portal, monkeypatch):
        self.portal, self.server = portal, portal.production
        monkeypatch.setenv("PATH", f"{self.server.binaries}:/usr/bin:/bin")

    def carry(self):
        self.portal.carry()

    def write(self, statement, database=DATABASE):
        """Write behind the fence's back: it is lifted for the session, and stays recorded."""
        if database == DATABASE:
            with closing(control_session(self.server.dsn())) as control:
                lift_fence(control, DATABASE)
        with closing(self.server.connect(database)) as session, session.cursor() as cursor:
            cursor.execute(statement)

    def told(self):
        """Return what is proven of the server once it is stopped; it runs again afterwards."""
        self.server.stop()
        try:
            return untouched(self.portal.volume, self.server.data, "run-1")
        finally:
            self.server.start()


@pytest.fixture(scope="module", params=sample(MAJORS, max(MAJORS)))
def pair(request, server_factory):
    return server_factory(request.param), server_factory(request.param)


@pytest.fixture
def stopped(pair, tmp_path, monkeypatch):
    for server in pair:
        server.rows(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    portal = Portal(*pair, tmp_path)
    portal.make(SCHEMA, OWNERS)
    portal.live("INSERT INTO event SELECT n, 'note' FROM generate_series(1, 200) n; DELETE FROM event WHERE id > 100")
    made = Stopped(portal, monkeypatch)
    made.carry()
    return made


def test_where_nothing_was_written_the_control_file_proves_it(stopped):
    assert stopped.told() == BY_NUMBER


def test_what_is_no_change_of_carried_rows_is_proven_by_the_wal(stopped):
    from psycopg2.errors import RaiseException

    for statement in NO_CHANGES.values():
        try:
            stopped.write(statement or "CREATE TABLE IF NOT EXISTS other AS SELECT 1 AS a", DATABASE if statement else "postgres")
        except RaiseException:
            pass
    assert stopped.told() == BY_WAL


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_changed_behind_the_fence_undoes_the_switch(stopped, change):
    stopped.write(CHANGES[change])
    with pytest.raises(Refusal, match="somebody wrote into production after the fence: table event was changed"):
        stopped.told()
