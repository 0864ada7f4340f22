"""A whole switch behind a real PgBouncer: clients that write all the time wait, and see no error.

Whatever ends a switch early lets them go on, in the new snapshot or in the old one, with every row that they
were told is written.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from contextlib import closing, suppress

import psycopg2
import pytest
from bouncer import bouncer_factory  # noqa: F401 - a fixture
from crash.module import ended
from crash.volumes import A, B
from tiers import full, sample
from waiting import wait_for
from writes.place import DATABASE
from writes.switch import INGEST, ROLLBACK, TOGETHER, Switch, recover, undo

RUN = "20261201T000000Z-1"


@pytest.fixture
def bouncer(place, bouncer_factory):  # noqa: F811
    line = f"host=127.0.0.1 port={place.production_port} dbname={DATABASE}"
    made = bouncer_factory({"portal": line}, {"postgres": "not-asked-for"})
    place.poolers = [made.raw()]
    return made


class Writing(threading.Thread):
    """A client that writes a row at a time, and remembers what it was told is written, and what failed."""

    def __init__(self, bouncer):
        super().__init__(daemon=True)
        self.bouncer, self.ends = bouncer, threading.Event()
        self.written, self.errors, self.longest = 0, [], 0.0

    def run(self):
        connection = self.bouncer.connect("postgres")
        while not self.ends.is_set():
            began = time.monotonic()
            try:
                with connection.cursor() as cursor:
                    cursor.execute("INSERT INTO event VALUES ('held', %s)", (self.written + 1,))
            except psycopg2.Error as error:
                self.errors.append(str(error))
                connection = self._again(connection)
            else:
                self.written += 1
                self.longest = max(self.longest, time.monotonic() - began)
        connection.close()

    def _again(self, connection):
        with suppress(psycopg2.Error):
            connection.close()
        while not self.ends.is_set():
            with suppress(psycopg2.Error):
                return self.bouncer.connect("postgres")
        return connection

    def goes_on(self):
        before = self.written
        wait_for(lambda: self.written > before + 20, f"it writes: {self.errors[-1:]}", seconds=30)

    def end(self):
        self.ends.set()
        self.join()


@pytest.fixture
def writing(bouncer):
    client = Writing(bouncer)
    client.start()
    wait_for(lambda: client.written > 20)
    yield client
    client.end()


def values(place):
    with closing(psycopg2.connect(place.dsn())) as session, session.cursor() as cursor:
        cursor.execute("SELECT value FROM event WHERE key = 'held' ORDER BY value")
        return [value for (value,) in cursor.fetchall()]


def all_there(place, client):
    """See that each row that the client was told of is there once."""
    client.goes_on()
    client.end()
    assert values(place) == list(range(1, client.written + 1))


def switch(place, *, until="", kind=INGEST, snapshot=B, run=RUN):
    """Make a switch, up to a step, which is not made; return that step's call, or the answers of all."""
    steps, answers = Switch(place, run, kind, snapshot, together=True).steps(), {}
    name, verb = next(steps)
    while name != until:
        answers[name] = verb.call(place.volume)
        assert answers[name].succeeded, answers[name].text
        try:
            name, verb = steps.send(answers[name])
        except StopIteration:
            return answers
    return verb


def killed_in(place, verb, title):
    """Start a call of several steps and kill it in one of them."""
    with tempfile.TemporaryFile() as out:
        child = verb.start(place.volume, out)
        wait_for(lambda: place.step() == title, f"the step {title}", pause=0.0005)
        os.kill(child, signal.SIGKILL)
        assert ended(child, out).code == -signal.SIGKILL


def test_there_and_back_without_one_failed_statement_and_with_every_row(place, bouncer, writing):
    done = switch(place)
    assert place.live == B
    assert any("hold the clients of database portal" in line for line in done[TOGETHER].result["step"]["did"])
    writing.goes_on()
    switch(place, kind=ROLLBACK, snapshot=A, run="20261202T000000Z-1")
    assert place.live == A
    all_there(place, writing)
    assert writing.errors == []
    assert not bouncer.paused()
    assert 0.05 < writing.longest < 20


def test_a_new_server_that_does_not_start_lets_them_go_on_in_the_old_one(place, bouncer, writing):
    verb = switch(place, until=TOGETHER)
    verb.params["production"] = [{**place.production[0], "health": {"tcp": "127.0.0.1:1"}}]
    verb.params["start_timeout"] = 1
    answer = verb.call(place.volume)
    assert answer.result["failed_step"] == "Start production"
    assert bouncer.paused()
    assert undo(place, RUN, "it does not start").call(place.volume).succeeded
    assert place.live == A
    all_there(place, writing)
    assert writing.errors == []


@full
def test_what_they_wrote_since_comes_along_where_a_switch_is_taken_back_after_they_went_on(
    place, bouncer, writing
):
    answer = switch(place, until=TOGETHER).call(place.volume)
    assert answer.succeeded, answer.text
    assert place.live == B
    writing.goes_on()
    assert undo(place, RUN, "the portal does not name the release").call(place.volume).succeeded
    assert place.live == A
    assert not bouncer.paused()
    all_there(place, writing)
    assert writing.errors == []


def test_a_login_that_is_refused_lets_them_go_on_in_the_old_one(place, bouncer, writing):
    verb = switch(place, until=TOGETHER)
    verb.params["served"] = {"dsn": "postgresql://nobody@x/portal"}
    answer = verb.call(place.volume)
    assert answer.result["failed_step"] == "Let the clients go on"
    assert "nobody" in answer.refused
    assert bouncer.paused()
    assert undo(place, RUN, answer.refused).call(place.volume).succeeded
    assert place.live == A
    all_there(place, writing)
    assert writing.errors == []


@pytest.mark.parametrize(
    "title",
    sample(
        [
            "Hold the clients",
            "Carry the users' rows over",
            "Stop the servers",
            "Promote the snapshot",
            "Start production",
            "Let the clients go on",
        ],
        "Promote the snapshot",
    ),
)
def test_a_run_that_is_killed_leaves_a_watchdog_that_lets_them_go_on(place, bouncer, writing, title):
    killed_in(place, switch(place, until=TOGETHER), title)
    wait_for(lambda: not (place.records / "window.json").exists(), lambda: place.log(), seconds=60)
    assert place.live in (A, B)
    assert not bouncer.paused()
    all_there(place, writing)
    assert writing.errors == []


@full
def test_recover_lets_them_go_on_where_the_watchdog_died_too(place, bouncer, writing):
    killed_in(place, switch(place, until=TOGETHER), "Stop the servers")
    os.kill(place.process("watchdog"), signal.SIGKILL)
    assert bouncer.paused()
    for verb in recover(place, "20261203T000000Z-1"):
        answer = verb.call(place.volume)
        assert answer.succeeded, answer.text
    assert place.live == A
    all_there(place, writing)
    assert writing.errors == []


def test_a_transaction_that_stays_open_ends_the_switch_before_anything_is_stopped(place, bouncer, writing):
    server = place.process("db")
    with closing(psycopg2.connect(bouncer.dsn("postgres"))) as idle, idle.cursor() as cursor:
        cursor.execute("SELECT 1")
        verb = switch(place, until=TOGETHER)
        answer = verb.call(place.volume)
        assert answer.result["failed_step"] == "Hold the clients"
        assert "still works after 0.2 s (reingest_drain)" in answer.refused
        assert undo(place, RUN, answer.refused).call(place.volume).succeeded
        cursor.execute("SELECT 1")  # the transaction goes on
    assert place.process("db") == server
    all_there(place, writing)
    assert writing.errors == []


@full
def test_a_pooler_that_is_restarted_in_the_window_holds_again_and_no_row_is_lost(place, bouncer, writing):
    verb = switch(place, until=TOGETHER)
    (server,) = place.production
    slow = ["/bin/sh", "-c", 'sleep 3; exec "$0" "$@"', *server["command"]]
    verb.params["production"] = [{**server, "command": slow}]
    with tempfile.TemporaryFile() as out:
        child = verb.start(place.volume, out)
        wait_for(lambda: place.step() == "Start production", pause=0.0005)
        bouncer.restart()
        wait_for(bouncer.paused, "it holds its clients again")
        answer = ended(child, out)
    assert answer.succeeded, answer.text
    assert "it holds them again" in str(answer.result["warnings"])
    assert writing.errors  # the connection went with the pooler
    writing.goes_on()
    writing.end()
    found = values(place)
    assert set(range(1, writing.written + 1)) <= set(found)
