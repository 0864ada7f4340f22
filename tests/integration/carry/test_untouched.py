"""After the stop: whether somebody wrote behind the fence, by the control file or by the WAL."""

from __future__ import annotations

from contextlib import closing, suppress

import pytest
from clusters import MAJORS
from psycopg2.errors import RaiseException
from tiers import full, sample, sample_of

from plugins.module_utils.reingest.carry.fence import control_session, lift_fence
from plugins.module_utils.reingest.carry.record import carried_record
from plugins.module_utils.reingest.carry.untouched import untouched
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres import programs, waldump

from .conftest import DATABASE, Portal

BY_NUMBER = "nobody wrote into production after the fence"
BY_WAL = "nobody wrote into production's portal-owned tables after the fence (read from its log)"
SCHEMA = """
CREATE TABLE object (id text PRIMARY KEY);
CREATE TABLE event (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (1000);
"""
QUARANTINE = """
CREATE TABLE reingest.quarantine (
    relation text, columns text[], row_values text[], reason text, run text, since timestamptz
);
INSERT INTO reingest.quarantine VALUES ('public.event', '{id}', '{7777}', 'gone', 'run-0', now());
"""
OWNERS = {"object": "source", "event": "quarantine"}
CHANGES = {
    "insert": "INSERT INTO event VALUES (500, 'behind the fence')",
    "copy": "INSERT INTO event SELECT n, 'x' FROM generate_series(500, 600) n",
    "update": "UPDATE event SET note = 'changed' WHERE id = 1",
    "toast": "UPDATE event SET note = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 999) n)"
    " WHERE id < 9",
    "delete": "DELETE FROM event WHERE id = 1",
    "truncate": "TRUNCATE event",
    "drop": "DROP TABLE event_1",
    "subtransaction": "DO $$ BEGIN BEGIN INSERT INTO event VALUES (501); EXCEPTION WHEN division_by_zero THEN"
    " END; END $$",
    "quarantine": "DELETE FROM reingest.quarantine",
}
NO_CHANGES = (
    "VACUUM (FREEZE) event",
    "ANALYZE",
    "SELECT FROM event FOR UPDATE",
    "INSERT INTO object VALUES ('z')",
    "DO $$ BEGIN INSERT INTO event VALUES (502); RAISE 'no'; END $$",
    "DO $$ BEGIN BEGIN INSERT INTO event VALUES (503); RAISE 'no'; EXCEPTION WHEN raise_exception THEN END;"
    " INSERT INTO object VALUES ('y'); END $$",
)
_FORGED = (
    "x\nrmgr: Heap        len (rec/tot):     59/    59, tx:        739, lsn: {lsn}, prev {prev}, "
    "desc: INSERT off 1, blkref #0: rel {place} blk 0\n"
    "rmgr: Transaction len (rec/tot):     34/    34, tx:        739, lsn: {lsn}, prev {prev}, desc: COMMIT 0"
)
FORGED = {
    "at the place of the message": 0,
    "behind it": 8,
    "far behind it": 4096,
    "no record": None,
}


class Stopped:
    """A portal whose production was stopped behind its carry-over, and started again for the next."""

    def __init__(self, portal, monkeypatch):
        self.portal, self.server = portal, portal.production
        monkeypatch.setenv("PATH", f"{self.server.binaries}:/usr/bin:/bin")

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
def portal(pair, tmp_path):
    for server in pair:
        server.rows(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    return Portal(*pair, tmp_path)


@pytest.fixture
def stopped(portal, monkeypatch):
    portal.make(SCHEMA, OWNERS)
    portal.live(
        "INSERT INTO event SELECT n, 'note' FROM generate_series(1, 200) n; DELETE FROM event WHERE id > 100"
    )
    portal.live(QUARANTINE)
    portal.carry()
    return Stopped(portal, monkeypatch)


def test_where_nothing_was_written_the_control_file_proves_it(stopped):
    assert stopped.told() == BY_NUMBER


def test_a_write_into_another_database_is_none_into_production_s_tables(stopped):
    stopped.write("CREATE TABLE IF NOT EXISTS other AS SELECT 1 AS a", "postgres")
    stopped.write("INSERT INTO other VALUES (2)", "postgres")
    assert stopped.told() == BY_WAL


def test_what_is_no_change_of_carried_rows_is_proven_by_the_wal(stopped):
    for statement in NO_CHANGES:
        with suppress(RaiseException):
            stopped.write(statement)
    assert stopped.told() == BY_WAL


@pytest.mark.parametrize("change", sample_of(CHANGES, "insert", "truncate", "subtransaction"))
def test_a_row_that_was_changed_behind_the_fence_undoes_the_switch(stopped, change):
    stopped.write(change)
    with pytest.raises(Refusal, match=r"wrote into production after the fence: table \S+ was changed"):
        stopped.told()


@pytest.mark.parametrize("change", ["SELECT lo_put({}, 0, 'other')", "SELECT lo_unlink({})"])
def test_so_does_a_large_object_that_rows_name(portal, monkeypatch, change):
    oids = {"upload": {"file": "large object"}}
    portal.make("CREATE TABLE upload (id int, file oid)", {"upload": "quarantine"}, oids=oids)
    ((number,),) = portal.live("INSERT INTO upload SELECT 1, lo_from_bytea(0, 'some') RETURNING file")
    portal.carry()
    stopped = Stopped(portal, monkeypatch)
    stopped.write(change.format(number))
    with pytest.raises(Refusal, match=r"wrote into production after the fence: table pg_largeobject"):
        stopped.told()


def unproven(stopped):
    stopped.write("INSERT INTO object VALUES ('q')")
    told = stopped.told()
    assert told.startswith("that nobody wrote into production after the fence is not proven: ")
    return told


@full
def test_a_relation_that_was_made_since_may_be_a_partition_and_nothing_is_proven(stopped):
    stopped.write("CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (2000) TO (3000)")
    stopped.write("INSERT INTO event VALUES (2500)")
    assert stopped.told().endswith("its log says that a relation was made in the database since")


def test_without_the_server_s_own_pg_waldump_nothing_is_proven(stopped, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(programs, "_FOLDERS", ())
    assert "this host has no pg_waldump of PostgreSQL" in unproven(stopped)


def test_a_log_that_is_gone_proves_nothing(stopped):
    stopped.server.rows("SELECT pg_switch_wal()")
    assert "its log cannot be read from" in unproven(stopped)


def test_a_log_that_is_too_long_proves_nothing(stopped, monkeypatch):
    monkeypatch.setattr(waldump, "MOST_BYTES", 100)
    assert "its log is too long" in unproven(stopped)


@full
def test_an_unlogged_table_is_not_in_the_log(portal, monkeypatch):
    portal.make(f"{SCHEMA} CREATE UNLOGGED TABLE seen (id int);", {**OWNERS, "seen": "quarantine"})
    portal.carry()
    assert unproven(Stopped(portal, monkeypatch)).endswith("(it is unlogged, or no heap)")


@pytest.mark.attack
@pytest.mark.parametrize("behind", FORGED.values(), ids=FORGED)
def test_a_line_that_a_logical_message_smuggles_in_undoes_nothing_and_proves_nothing(stopped, behind):
    """Any role of any database may write one, and pg_waldump prints its prefix as it is."""
    place = carried_record(stopped.portal.volume, "run-1").read().stored[0].place
    with closing(stopped.server.connect()) as session, session.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        prev = cursor.fetchone()[0]
        lsn = f"0/{int(prev.partition('/')[2], 16) + (behind or 0):X}"
        text = "x\nhello" if behind is None else _FORGED.format(lsn=lsn, prev=prev, place=place)
        cursor.execute("SELECT pg_logical_emit_message(false, %s, '')", (text,))
    unproven(stopped)
