"""A load that is copied to where it is promoted serves fenced until it has the rows of the portal's users."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from contextlib import closing, suppress
from dataclasses import replace

import psycopg2
import pytest
from crash.volumes import A, B
from mounts import bind, needs
from tiers import full, sample
from waiting import wait_for
from writes.place import DATABASE, Place, make_templates, programs_in_path
from writes.switch import INGEST, Switch, recover

from plugins.module_utils.reingest.carry.record import Fenced, fence_in, write_fence
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.window.window_record import read_window

RUN, NEXT = "20261201T000000Z-1", "20261201T000000Z-2"
_CLIENTS, _ROWS = 3, 2000


@pytest.fixture(scope="module")
def templates():
    needs("mount")
    made = make_templates(jobs=True)
    yield made
    made.remove()


@pytest.fixture
def place(templates):
    """Return a place whose ``ingest/`` is a mount of its own, with another database that is carried whole."""
    made = Place(templates, templates.root / "copy")
    with programs_in_path(templates):
        with contextlib.ExitStack() as stack:
            bind(stack, made.volume / "ingest", made.volume / "ingest")
            made.start()
            rows(made, f"INSERT INTO event SELECT 'before', n FROM generate_series(1, {_ROWS}) n")
            rows(made, "INSERT INTO job VALUES ('before', 1)", "jobs")
            yield made
        made.remove()


def rows(place, statement, database=DATABASE, *, staging=False):
    port = place.staging_port if staging else place.production_port
    with closing(psycopg2.connect(place.dsn(port, database))) as session, session.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchall() if cursor.description else []
        session.commit()
    return found


def switch_to(place, last, run=RUN, *, but=(), watched=False):
    """Switch to the load, up to a step, ``but`` for some; returns the answer of the last one.

    No watchdog brings to an end what a person is to: but where it is ``watched``.
    """
    steps, answer = Switch(place, run, INGEST, B, copied=True).steps(), None
    for _ in range(24):
        name, verb = steps.send(answer)
        if name in but:
            continue
        answer = verb.call(place.volume)
        if name == "Open the window" and not watched:
            os.kill(place.process("watchdog"), signal.SIGKILL)
        if name == last:
            return answer
        assert answer.succeeded, (name, answer.text)
    raise AssertionError(last)


def refused(place, database, *, staging=False):
    """Return whether a superuser is not let in."""
    with pytest.raises(psycopg2.OperationalError, match="not currently accepting connections"):
        rows(place, "SELECT", database, staging=staging)
    return True


class Clients:
    """Superusers who come in again and again, look for their rows, and write one more."""

    def __init__(self, place):
        self.place, self.stop = place, threading.Event()
        self.seen, self.written, self.unknown = [], [], []
        self.threads = [threading.Thread(target=self._come, args=(n,)) for n in range(_CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _come(self, number):
        turn = 0
        while not self.stop.is_set():
            turn += 1
            with suppress(psycopg2.Error):
                self._write(f"{number}-{turn}")

    def _write(self, key):
        with closing(psycopg2.connect(self.place.dsn())) as session, session.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT max(snapshot) FROM reingest.load), count(*) FROM event WHERE key = 'before'"
            )
            self.seen.append(cursor.fetchone())
            self.unknown.append(key)  # until its commit is answered
            cursor.execute("INSERT INTO event VALUES (%s, 0)", (key,))
            session.commit()
            self.unknown.remove(key)
            self.written.append(key)

    def served(self, snapshot):
        return any(who == snapshot for who, _ in self.seen)


def test_clients_that_come_in_all_the_time_find_all_rows_and_lose_none(place):
    with Clients(place) as clients:
        wait_for(lambda: len(clients.written) > 20, "they write")
        assert switch_to(place, "Close the window").succeeded
        wait_for(lambda: clients.served(B), "they are let into the new server")
    assert {count for _, count in clients.seen} == {_ROWS}
    there = [key for (key,) in rows(place, "SELECT key FROM event WHERE key <> 'before'")]
    assert len(there) == len(set(there))
    assert set(clients.written) <= set(there) <= {*clients.written, *clients.unknown}
    assert rows(place, "SELECT key FROM job", "jobs") == [("before",)]
    assert fence_in(Volume(place.volume), Volume(place.volume).snapshot(B)) is None


def test_nobody_gets_into_the_load_from_before_its_copy_until_it_has_the_rows(place):
    assert switch_to(place, "Fence").result["step"]["did"][0] == "fence the load until it has the users' rows"
    assert refused(place, DATABASE, staging=True)
    assert rows(place, "SELECT count(*) FROM event") == [(_ROWS,)]
    assert switch_to(place, "Start production", NEXT).succeeded
    assert place.live == B
    assert refused(place, DATABASE)


STEPS = [
    "Fence",
    "Stop the staging server",
    "Copy",
    "Open the window",
    "Carry",
    "Stop the servers",
    "Promote",
    "Start production",
    "Give back",
]


@pytest.mark.parametrize("last", sample(STEPS, "Start production"))
def test_a_run_that_died_leaves_production_open_with_all_rows_and_the_next_one_goes_on(place, last):
    assert switch_to(place, last).succeeded
    for verb in recover(place, NEXT):
        answer = verb.call(place.volume)
        assert answer.succeeded, answer.text
    forward = STEPS.index(last) >= STEPS.index("Promote")
    assert place.live == (B if forward else A)
    rows(place, "INSERT INTO event VALUES ('before', 0)")
    rows(place, "INSERT INTO job VALUES ('since', 1)", "jobs")
    if last in ("Fence", "Stop the staging server"):
        assert rows(place, "SELECT count(*) FROM object", staging=True) == [(40,)]
    if not forward:
        assert switch_to(place, "Close the window", "20261201T000000Z-3").succeeded
    assert place.live == B
    assert rows(place, "SELECT count(*) FROM event WHERE key = 'before'") == [(_ROWS + 1,)]
    assert rows(place, "SELECT count(*) FROM job", "jobs") == [(2,)]


@full
def test_a_recovery_that_does_not_reach_the_load_warns_and_leaves_it_fenced(place):
    assert switch_to(place, "Fence").succeeded
    claims, recovers, _ = recover(place, NEXT)
    assert claims.call(place.volume).succeeded
    wrong = replace(recovers, params={**recovers.params, "staging_login": place.dsn()})
    answer = wrong.call(place.volume)
    assert answer.succeeded, answer.text
    assert "stays fenced: the server that answers does not work in" in answer.text
    assert refused(place, DATABASE, staging=True)
    answer = recovers.call(place.volume)
    assert f"lift the fence of the load's database {DATABASE}" in answer.result["step"]["did"]
    assert rows(place, "SELECT count(*) FROM object", staging=True) == [(40,)]


@full
def test_the_watchdog_gives_it_the_rows_and_opens_it(place):
    assert switch_to(place, "Start production", watched=True).succeeded
    wait_for(lambda: read_window(place.records) is None, "the watchdog closed the window")
    assert place.live == B
    assert rows(place, "SELECT count(*) FROM event WHERE key = 'before'") == [(_ROWS,)]
    assert rows(place, "SELECT key FROM job", "jobs") == [("before",)]


@pytest.mark.parametrize("raised", sample([True, False], True))
def test_a_fence_that_a_killed_run_wrote_down_is_lifted(place, raised):
    volume = Volume(place.volume)
    server = read_control(volume.ingest).system_identifier
    write_fence(volume, Fenced(RUN, server, DATABASE, "2026-12-01T00:00:00+00:00", load=True))
    if raised:
        rows(place, f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false", "postgres", staging=True)
    answer = switch_to(place, "Lift")
    assert answer.result["changed"] is raised
    assert rows(place, "SELECT count(*) FROM object", staging=True) == [(40,)]
    assert fence_in(volume, volume.ingest) is None


@full
def test_a_load_whose_server_does_not_run_stays_fenced_with_a_warning_until_it_does(place):
    assert switch_to(place, "Stop the staging server").succeeded
    answer = switch_to(place, "Lift", NEXT)
    assert answer.succeeded, answer.text
    assert "stays fenced: no PostgreSQL answers" in answer.text
    assert fence_in(Volume(place.volume), Volume(place.volume).ingest) is not None


def test_a_load_that_cannot_take_the_rows_is_refused_before_it_is_copied(place):
    rows(place, "ALTER TABLE event DROP COLUMN value", staging=True)
    assert "column value of production is not in the new schema" in switch_to(place, "Fence").refused
    assert rows(place, "SELECT count(*) FROM object", staging=True) == [(40,)]


def test_the_load_itself_says_which_tables_are_the_users(place):
    rows(place, "CREATE TABLE note (text text); INSERT INTO note VALUES ('mine')")
    rows(place, "CREATE TABLE note (text text)", staging=True)
    rows(place, "INSERT INTO reingest.load_table VALUES ('note', 'portal', 'fail')", staging=True)
    rows(place, "UPDATE reingest.load_table SET owner = 'schema' WHERE name = 'altered'", staging=True)
    rows(place, "INSERT INTO altered VALUES ('production''s', 1)")
    rows(place, "INSERT INTO altered VALUES ('the load''s', 2)", staging=True)
    assert switch_to(place, "Close the window").succeeded
    assert rows(place, "SELECT text FROM note") == [("mine",)]
    assert rows(place, "SELECT key FROM altered") == [("the load's",)]


@full
def test_a_load_that_was_fenced_is_opened_also_where_the_rows_stay_behind(place):
    assert switch_to(place, "Copy").succeeded
    assert switch_to(place, "Plan", NEXT).result["fenced"]
    opened = switch_to(place, "Give back", NEXT, but=("Survey", "Carry"))
    assert "lift the fence of database portal" in opened.result["lines"]
    assert rows(place, "SELECT count(*) FROM event") == [(0,)]
