"""Clients are held at real PgBouncers, all or none, and go on when they are let, without an error."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import psycopg2
import pytest
from waiting import wait_for

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.poolers.hold import WayOut, hold, hold_again, resume
from plugins.module_utils.reingest.poolers.keeper import kept

from .conftest import QUICK, WEB, poolers

GIVE_UP = WayOut()


class Asking(threading.Thread):
    """A client that asks again and again, one question at a time, and remembers what went wrong."""

    def __init__(self, bouncer):
        super().__init__(daemon=True)
        self.connection, self.ends = bouncer.connect(WEB), threading.Event()
        self.answers, self.errors, self.longest = 0, [], 0.0

    def run(self):
        while not self.ends.is_set():
            began = time.monotonic()
            try:
                with self.connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
            except psycopg2.Error as error:
                self.errors.append(str(error))
                return
            self.answers += 1
            self.longest = max(self.longest, time.monotonic() - began)

    def end(self):
        self.ends.set()
        self.join()
        self.connection.close()


@pytest.fixture
def asking():
    """Return ``asking(bouncer)``, which starts a client and waits for its first answer."""
    made = []

    def start(bouncer):
        client = Asking(bouncer)
        made.append(client)
        client.start()
        wait_for(lambda: client.answers)
        return client

    yield start
    for client in made:
        client.end()


def test_a_server_that_is_restarted_while_clients_are_held_costs_them_nothing_but_time(
    production, bouncer, asking
):
    at = bouncer()
    client = asking(at)
    assert hold(poolers(at.raw()), QUICK, GIVE_UP) == []
    answered = client.answers
    production.stop()
    production.start()
    assert client.answers <= answered + 1  # the one whose answer was on its way
    done = resume(poolers(at.raw()), QUICK.answer)
    assert done.faults == ()
    assert len(done.did) == 1
    wait_for(lambda: client.answers > answered + 100)
    assert client.errors == []


def test_all_are_held_or_none(bouncer):
    first, second = bouncer(), bouncer()
    second.stop()
    with pytest.raises(Refusal, match=rf"no pooler answers at 127.0.0.1:{second.port}.*no pooler holds"):
        hold(poolers(first.raw(), second.raw()), QUICK, GIVE_UP)
    assert not first.paused()
    second.start()
    hold(poolers(first.raw(), second.raw()), QUICK, GIVE_UP)
    assert first.paused()
    assert second.paused()


def test_a_transaction_that_does_not_end_is_named_and_all_clients_go_on(bouncer, asking):
    at = bouncer()
    with (
        closing(psycopg2.connect(f"{at.dsn(WEB)}?application_name=dreamer")) as idle,
        idle.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")
        client = asking(at)
        with pytest.raises(Refusal, match=r"still works after 0.3 s.*dreamer \(user web, from 127.0.0.1:\d+"):
            hold(poolers(at.raw()), QUICK, GIVE_UP)
        assert not at.paused()
        wait_for(lambda answered=client.answers: client.answers > answered + 10)
        cursor.execute("SELECT 1")  # nor was the one disturbed that was named
    assert client.errors == []


def test_a_transaction_that_does_not_end_is_ended_where_that_is_declared_and_no_other_client_sees_it(
    production, bouncer, asking
):
    at = bouncer()
    with (
        closing(psycopg2.connect(f"{at.dsn(WEB)}?application_name=dreamer")) as idle,
        idle.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")
        client = asking(at)
        told = hold(poolers(at.raw()), QUICK, WayOut(ends=True, login=production.dsn()))
        assert len(told) == 1
        assert told[0].startswith("end dreamer (user web")
        assert at.paused()
        with pytest.raises(psycopg2.Error):
            cursor.execute("SELECT 1")
    resume(poolers(at.raw()), QUICK.answer)
    wait_for(lambda answered=client.answers: client.answers > answered + 10)
    assert client.errors == []


def test_a_session_of_session_pooling_is_ended_the_same_way(production, bouncer):
    at = bouncer(pool_mode="session")
    with closing(at.connect(WEB)) as client, client.cursor() as cursor:
        cursor.execute("SELECT 1")  # no transaction is open, and the session is held all the same
        with pytest.raises(Refusal, match="still works after"):
            hold(poolers(at.raw()), QUICK, GIVE_UP)
        assert not at.paused()
        told = hold(poolers(at.raw()), QUICK, WayOut(ends=True, login=production.dsn()))
        assert len(told) == 1
        assert at.paused()


def test_only_the_named_database_is_held(production, bouncer):
    other = f"host=127.0.0.1 port={production.port} dbname=postgres"
    name = "Odd-Name.2"  # PgBouncer's configuration takes no names with stranger characters
    line = f"host=127.0.0.1 port={production.port} dbname=portal"
    at = bouncer({name: line, "other": other})
    hold(poolers(at.raw(name)), QUICK, GIVE_UP)
    assert at.paused(name)
    assert not at.paused("other")
    resume(poolers(at.raw(name)), QUICK.answer)
    assert not at.paused(name)


def test_a_database_that_the_pooler_does_not_know_is_refused_also_where_a_star_stands_for_it(
    production, bouncer
):
    line = f"host=127.0.0.1 port={production.port}"
    at = bouncer({"*": line})
    with pytest.raises(Refusal, match="has no database portal in its configuration"):
        hold(poolers(at.raw()), QUICK, GIVE_UP)


def test_a_pooler_that_is_restarted_is_seen_and_holds_again(bouncer):
    at = bouncer()
    hold(poolers(at.raw()), QUICK, GIVE_UP)
    assert hold_again(poolers(at.raw()), QUICK) == []
    at.restart()
    assert not at.paused()
    told = hold_again(poolers(at.raw()), QUICK)
    assert len(told) == 1
    assert "it holds them again" in told[0]
    assert at.paused()


def test_a_pooler_that_is_restarted_meanwhile_is_seen_without_being_asked_about(bouncer):
    at = bouncer()
    hold(poolers(at.raw()), QUICK, GIVE_UP)
    with kept(poolers(at.raw()), QUICK) as found:
        at.restart()
        wait_for(at.paused, "it was not paused again")
        at.console("RESUME portal")  # and so is one that somebody lets go on
        wait_for(at.paused, "it was not paused again")
    assert len(found) == 1
    assert "it holds them again" in found[0]
    resume(poolers(at.raw()), QUICK.answer)
    assert not at.paused()


def test_one_that_stays_away_does_not_end_the_switch_and_is_told(bouncer):
    at = bouncer()
    hold(poolers(at.raw()), QUICK, GIVE_UP)
    at.stop()
    (told,) = hold_again(poolers(at.raw()), QUICK)
    assert "no pooler answers" in told
    assert "are not held" in told


def test_letting_go_on_what_is_not_held_is_no_fault(bouncer):
    at = bouncer()
    assert resume(poolers(at.raw()), QUICK.answer).faults == ()


def test_one_that_is_starting_is_asked_again_and_one_that_stays_away_is_told(bouncer):
    at, away = bouncer(), bouncer()
    for each in (at, away):
        each.stop()
    back = threading.Timer(0.3, at.start)
    back.start()
    done = resume(poolers(at.raw(), away.raw()), 1.5)
    back.join()
    assert done.faults == ()
    (told,) = done.away  # what does not run holds nobody
    assert f"127.0.0.1:{away.port}" in told


def test_one_that_hangs_may_hold_its_clients_yet_which_is_a_fault(bouncer):
    at = bouncer()
    hold(poolers(at.raw()), QUICK, GIVE_UP)
    at.hang()
    done = resume(poolers(at.raw()), 0.5)
    (fault,) = done.faults
    assert "does not answer within 0.5 s" in fault
    assert "RESUME" in fault


def test_one_that_hangs_is_waited_for_no_longer_than_was_said(bouncer):
    at = bouncer()
    at.hang()
    began = time.monotonic()
    with pytest.raises(Refusal, match=r"does not answer within 3 s"):
        hold(poolers(at.raw()), QUICK, GIVE_UP)
    assert time.monotonic() - began < 8
