"""A switch that is taken back after its commit point: what users wrote into the new server comes along."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import psycopg2
import pytest
from crash.volumes import A, B
from waiting import wait_for
from writes.place import Place, make_templates
from writes.switch import INGEST, Switch, undo

from plugins.module_utils.reingest.carry.fence import control_session, lift_fence


@pytest.fixture(scope="module")
def templates():
    made = make_templates()
    yield made
    made.remove()


@pytest.fixture
def place(templates):
    made = Place(templates, templates.root / "copy")
    made.start()
    yield made
    made.remove()


def rows(place, statement):
    with closing(psycopg2.connect(place.dsn())) as session, session.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchall() if cursor.description else []
        session.commit()
    return found


def switch_to(place, last):
    """Make a switch to the load, up to a step."""
    steps, answer = Switch(place, "20261201T000000Z-1", INGEST, B).steps(), None
    for _ in range(20):
        name, verb = steps.send(answer)
        answer = verb.call(place.volume)
        assert answer.succeeded, answer.text
        if name == last:
            return
    raise AssertionError(last)


def test_a_row_that_somebody_wrote_behind_the_fence_ends_the_switch_and_is_in_production(
    templates, place, monkeypatch
):
    monkeypatch.setenv("PATH", f"{templates.binaries}:/usr/bin:/bin")  # there is the servers' pg_waldump
    steps = Switch(place, "20261201T000000Z-1", INGEST, B).steps()
    name, verb = next(steps)
    while name != "Stop the servers":
        name, verb = steps.send(verb.call(place.volume))
    with closing(control_session(place.dsn())) as control:
        lift_fence(control, "portal")
    rows(place, "INSERT INTO event VALUES ('behind the fence', 1)")
    name, verb = steps.send(verb.call(place.volume))
    answer = verb.call(place.volume)
    assert (name, answer.succeeded) == ("Promote", False)
    assert "somebody wrote into production after the fence: table event was changed" in answer.text
    answer = undo(place, "20261201T000000Z-1", "it wrote behind the fence").call(place.volume)
    assert answer.succeeded, answer.text
    assert place.live == A
    assert rows(place, "SELECT key FROM event") == [("behind the fence",)]


def test_a_new_server_that_died_is_started_for_what_users_wrote(place):
    rows(place, "INSERT INTO event VALUES ('before', 1)")
    switch_to(place, "Start production")
    assert place.live == B
    rows(place, "INSERT INTO event VALUES ('since', 2)")
    os.kill(place.process("db"), signal.SIGKILL)
    wait_for(lambda: not place.process("db"), "the server is gone")
    answer = undo(place, "20261201T000000Z-1", "the portal does not answer").call(place.volume)
    assert answer.succeeded, answer.text
    assert place.live == A
    assert rows(place, "SELECT key, value FROM event ORDER BY value") == [("before", 1), ("since", 2)]
