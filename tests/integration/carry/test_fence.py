"""The fence: nobody but us, whatever role they have and however fast they come back."""

from __future__ import annotations

import os
import re
import signal
import threading
from contextlib import closing

import psycopg2
import pytest
from waiting import wait_for

from plugins.module_utils.reingest.carry.record import carried_record, fence_record
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.preflight.volume import check_rights


@pytest.fixture
def simple(portal):
    portal.make("CREATE TABLE t (a int)", {"t": "quarantine"})
    return portal


def test_an_idle_session_is_ended_and_nobody_gets_in_afterwards(simple):
    with closing(simple.production.connect("portal")) as client:
        result = simple.carry()
        assert [ended.pid for ended in result.ended] == [client.info.backend_pid]
        with pytest.raises(psycopg2.OperationalError), client.cursor() as cursor:
            cursor.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(psycopg2.OperationalError, match="not currently accepting connections"):
        simple.production.connect("portal")


def test_a_transaction_may_come_to_its_end_and_its_rows_are_carried(simple):
    with closing(simple.production.connect("portal")) as client, client.cursor() as cursor:
        cursor.execute("BEGIN; INSERT INTO t VALUES (1)")
        ending = threading.Timer(0.3, lambda: cursor.execute("COMMIT"))
        ending.start()
        result = simple.carry(drain=10)
        ending.join()
    assert simple.new("TABLE t") == [(1,)]
    assert result.rows == {"t": 1}


def test_a_transaction_that_does_not_end_is_ended_and_named(simple):
    with closing(simple.production.connect("portal")) as client, client.cursor() as cursor:
        cursor.execute("SET application_name = 'portal backend'; BEGIN; INSERT INTO t VALUES (1)")
        result = simple.carry(drain=0.2)
    assert simple.new("TABLE t") == []
    (ended,) = result.ended
    told = r"portal backend \(role postgres, from 127.0.0.1, server process \d+\), in a transaction since"
    assert re.match(told, str(ended))


def test_a_session_that_cannot_be_ended_is_given_up_and_production_is_open(simple):
    with closing(simple.production.connect("portal")) as client:
        os.kill(client.info.backend_pid, signal.SIGSTOP)
        try:
            with pytest.raises(
                Refusal, match=rf"do not end: .*server process {client.info.backend_pid}.*end them yourself"
            ):
                simple.carry(drain=0.1, end=0.3)
            assert not simple.is_fenced
        finally:
            os.kill(client.info.backend_pid, signal.SIGCONT)
    simple.live("INSERT INTO t VALUES (1)")


def test_superusers_that_come_back_in_a_loop_write_nothing_after_the_rows_are_taken(simple):
    """Each writes a row as often as it can; what it was told is written is there afterwards, once."""
    stop, acknowledged, unknown = threading.Event(), [], []

    def hammer(number):
        at = 0
        while not stop.is_set():
            try:
                client = simple.production.connect("portal")
            except psycopg2.OperationalError:
                continue
            try:
                with closing(client), client.cursor() as cursor:
                    while not stop.is_set():
                        at += 1
                        value = number * 1_000_000 + at
                        cursor.execute("INSERT INTO t VALUES (%s)", (value,))
                        acknowledged.append(value)
            except psycopg2.Error:
                unknown.append(number * 1_000_000 + at)

    writers = [threading.Thread(target=hammer, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    try:
        while len(acknowledged) < 200:
            pass
        simple.carry(drain=0.1)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    found = [row[0] for row in simple.new("SELECT a FROM t ORDER BY a")]
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found) <= set(acknowledged) | set(unknown)


def test_a_session_that_only_just_starts_is_ended_before_the_rows_are_taken(simple):
    """It was let in before the fence, is no client in pg_stat_activity yet, and would write later."""
    told = []

    def write():
        try:
            with closing(
                psycopg2.connect(simple.production.dsn("portal"), options="-c post_auth_delay=2")
            ) as slow:
                with slow.cursor() as cursor:
                    cursor.execute("INSERT INTO t VALUES (1)")
                slow.commit()
                told.append("acknowledged")
        except psycopg2.OperationalError:
            told.append("cut")

    slow = threading.Thread(target=write)
    slow.start()
    starting = "SELECT count(*) FROM pg_locks WHERE classid = 'pg_database'::regclass"
    wait_for(lambda: simple.production.rows(starting) != [(0,)], "it was let in")
    result = simple.carry()
    slow.join()
    assert told == ["cut"]
    assert len(result.ended) == 1
    assert simple.seen(simple.production, "TABLE public.t") == []


def test_a_prepared_transaction_ends_the_switch_and_production_is_open(server_factory, simple):
    simple.production.rows("ALTER SYSTEM SET max_prepared_transactions = 5")
    simple.production.stop()
    simple.production.start()
    with closing(simple.production.connect("portal")) as client, client.cursor() as cursor:
        cursor.execute("BEGIN; INSERT INTO t VALUES (1)")
        cursor.execute("PREPARE TRANSACTION 'forgotten'")
    try:
        with pytest.raises(
            Refusal, match="has prepared transactions, whose rows nobody can see: forgotten of postgres"
        ):
            simple.carry()
        assert not simple.is_fenced
    finally:
        simple.live("ROLLBACK PREPARED 'forgotten'")


def test_a_role_that_is_no_superuser_is_refused(simple):
    simple.production.rows("DROP ROLE IF EXISTS clerk")
    simple.production.rows("CREATE ROLE clerk LOGIN PASSWORD 'x'")
    dsn = simple.production.dsn().replace("postgres:only-for-tests", "clerk:x")
    simple.servers = type(simple.servers)(dsn, simple.staging.dsn(), "portal")
    with pytest.raises(Refusal, match=r"role clerk at .* is no superuser"):
        simple.carry()
    assert not simple.is_fenced


def test_a_server_that_cannot_be_fenced_is_refused_before_the_load(server_factory):
    """One without another database for the session that fences, and a standby."""
    server = server_factory()
    server.rows("CREATE DATABASE portal")
    server.rows("ALTER DATABASE postgres RENAME TO other", "portal")
    (found,) = check_rights([server.dsn("portal")], [])
    assert 'database "postgres" does not exist' in found.text
    assert "CREATE DATABASE postgres" in found.text
    server.rows("ALTER DATABASE other RENAME TO postgres", "portal")
    assert check_rights([server.dsn("portal")], []) == []
    server.stop()
    (server.data / "standby.signal").touch()
    server.start()
    (found,) = check_rights([server.dsn("portal")], [])
    assert found.text.endswith("is a standby: name the primary")


def test_the_fence_is_on_the_volume_before_it_happens_and_the_rows_are_kept(simple):
    simple.live("INSERT INTO t VALUES (1)")
    simple.carry()
    server = read_control(simple.production.data).system_identifier
    assert fence_record(simple.volume, server).read().run == "run-1"
    kept = carried_record(simple.volume, "run-1").read()
    assert (kept.server, kept.sums["t"].rows, kept.units[0].table) == (server, 1, "t")
    folder = simple.volume.run("run-1") / "carried"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_server_of_another_directory_is_refused(simple):
    simple.production, other = simple.staging, simple.production
    try:
        with pytest.raises(Refusal, match="does not work in"):
            simple.carry()
    finally:
        simple.production = other
    assert not simple.is_fenced
