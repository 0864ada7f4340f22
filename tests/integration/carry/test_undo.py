"""A switch that is taken back after its commit point: what users wrote into the new server comes along."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest
from crash.volumes import A, B
from tiers import full, sample
from waiting import wait_for
from writes.place import DATABASE, Place, make_templates, programs_in_path
from writes.switch import INGEST, ROLLBACK, Switch, recover, undo

from plugins.module_utils.reingest.carry.fence import control_session, lift_fence
from plugins.module_utils.reingest.carry.record import fence_record, write_fence
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.preflight.volume import check_rights
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.unsaved import unsaved
from plugins.module_utils.reingest.window.window_record import read_window


def rows(place, statement, database=DATABASE):
    with closing(psycopg2.connect(place.dsn(database=database))) as session, session.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchall() if cursor.description else []
        session.commit()
    return found


@pytest.fixture(scope="module")
def templates_with_jobs():
    made = make_templates(jobs=True)
    yield made
    made.remove()


@pytest.fixture
def with_jobs(templates_with_jobs):
    """Return a place whose production has another database, which is carried whole."""
    made = Place(templates_with_jobs, templates_with_jobs.root / "copy")
    with programs_in_path(templates_with_jobs):
        made.start()
        yield made
    made.remove()


def switch_to(place, last, *, kind=INGEST, snapshot=B, run="20261201T000000Z-1"):
    """Make a switch to the load, up to a step."""
    steps, answer = Switch(place, run, kind, snapshot).steps(), None
    for _ in range(20):
        name, verb = steps.send(answer)
        answer = verb.call(place.volume)
        assert answer.succeeded, answer.text
        if name == last:
            return answer
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


def test_a_new_server_that_cannot_start_is_left_and_kept_and_the_old_one_has_all_its_rows(place):
    rows(place, "INSERT INTO event VALUES ('before', 1)")
    switch_to(place, "Promote")
    volume = Volume(place.volume)
    with (volume.snapshot(B) / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write("no_such_setting = 1\n")
    run = "20261201T000000Z-1"
    started = place.group(run, place.production, "started", window=True).call(place.volume)
    assert not started.succeeded
    answer = undo(place, run, "the new server does not start").call(place.volume)
    assert answer.succeeded, answer.text
    assert place.live == A
    assert rows(place, "SELECT key FROM event") == [("before",)]
    rows(place, "INSERT INTO event VALUES ('since', 2)")
    (warning,) = (line for line in answer.result["unready"] if "was not carried" in line)
    assert f"it is in {volume.snapshot(B)}, which retention keeps" in warning
    assert unsaved(volume, B) is not None
    assert unsaved(volume, A) is None


@full
def test_what_was_written_comes_along_also_where_the_run_died_just_as_it_opened_the_database(place):
    switch_to(place, "Release")
    run = "20261201T000000Z-2"
    switch_to(place, "Start production", kind=ROLLBACK, snapshot="", run=run)
    volume = Volume(place.volume)
    record = fence_record(volume, read_control(volume.snapshot(A)).system_identifier)
    fence = record.read()
    given = place.verb("carry_over", run, state="opened", production_dsn=place.dsn(), window=True)
    answer = given.call(place.volume)
    assert answer.succeeded, answer.text
    assert record.read() is None
    write_fence(volume, replace(fence, carried=""))  # as it lies there when the database has just been opened
    rows(place, "INSERT INTO event VALUES ('since', 2)")
    answer = undo(place, run, "its run died").call(place.volume)
    assert answer.succeeded, answer.text
    assert place.live == B
    assert rows(place, "SELECT key, value FROM event") == [("since", 2)]


def test_a_rollback_whose_rows_cannot_be_put_goes_forward_again_with_all_of_them(place):
    rows(place, "UPDATE reingest.load_table SET orphans_policy = 'fail' WHERE name = 'download'")
    switch_to(place, "Release")
    rows(place, "INSERT INTO download (object, key, value) VALUES (59, 'of the new release', 1)")
    run = "20261201T000000Z-2"
    switch_to(place, "Start production", kind=ROLLBACK, snapshot="", run=run)
    assert place.live == A
    given = place.verb("carry_over", run, state="opened", production_dsn=place.dsn(), window=True)
    answer = given.call(place.volume)
    assert not answer.succeeded
    assert "table download" in answer.text
    answer = undo(place, run, "the rows cannot be put").call(place.volume)
    assert answer.succeeded, answer.text
    assert place.live == B
    assert rows(place, "SELECT key FROM download") == [("of the new release",)]
    rows(place, "INSERT INTO event VALUES ('and it is open', 1)")


def test_what_was_written_into_another_database_since_comes_along(with_jobs):
    rows(with_jobs, "INSERT INTO job VALUES ('a', 1)", "jobs")
    switch_to(with_jobs, "Start production")
    rows(with_jobs, "INSERT INTO job VALUES ('b', 2)", "jobs")
    answer = undo(with_jobs, "20261201T000000Z-1", "the portal does not answer").call(with_jobs.volume)
    assert answer.succeeded, answer.text
    assert with_jobs.live == A
    assert rows(with_jobs, "SELECT value FROM job ORDER BY value", "jobs") == [(1,), (2,)]


LAST = ["Carry", "Stop the servers", "Promote", "Start production", "Start the rest"]


@pytest.mark.parametrize("last", sample(LAST, "Promote"))
def test_a_run_that_died_leaves_another_database_open_and_whole(with_jobs, last):
    rows(with_jobs, "INSERT INTO job VALUES ('a', 1)", "jobs")
    switch_to(with_jobs, last)
    os.kill(with_jobs.process("watchdog"), signal.SIGKILL)  # this test is about what a person runs
    for verb in recover(with_jobs, "20261201T000000Z-2"):
        answer = verb.call(with_jobs.volume)
        assert answer.succeeded, answer.text
    assert with_jobs.live == (A if last in ("Carry", "Stop the servers") else B)
    rows(with_jobs, "INSERT INTO job VALUES ('b', 2)", "jobs")
    assert rows(with_jobs, "SELECT value FROM job ORDER BY value", "jobs") == [(1,), (2,)]


@full
def test_a_rollback_that_died_before_it_gave_another_database_back_gives_it_back(with_jobs):
    switch_to(with_jobs, "Release")
    rows(with_jobs, "INSERT INTO job VALUES ('b', 2)", "jobs")
    switch_to(with_jobs, "Start production", kind=ROLLBACK, snapshot="", run="20261201T000000Z-2")
    os.kill(with_jobs.process("watchdog"), signal.SIGKILL)
    for verb in recover(with_jobs, "20261201T000000Z-3"):
        answer = verb.call(with_jobs.volume)
        assert answer.succeeded, answer.text
    assert with_jobs.live == A
    assert rows(with_jobs, "SELECT value FROM job", "jobs") == [(2,)]


def test_the_steps_of_a_switch_say_what_became_of_another_database(with_jobs):
    rows(with_jobs, "INSERT INTO job VALUES ('a', 1)", "jobs")
    survey = switch_to(with_jobs, "Survey")
    assert any(line.startswith("carry database jobs, ") for line in survey.result["lines"])
    carried = switch_to(with_jobs, "Carry")
    assert "database jobs: 1 table, 1 rows carried, 0 differ" in carried.result["lines"]


def test_the_watchdog_gives_another_database_back(with_jobs):
    switch_to(with_jobs, "Release")
    rows(with_jobs, "INSERT INTO job VALUES ('b', 2)", "jobs")
    switch_to(with_jobs, "Start production", kind=ROLLBACK, snapshot="", run="20261201T000000Z-2")
    wait_for(lambda: read_window(with_jobs.records) is None, "the watchdog closed the window")
    assert with_jobs.live == A
    assert rows(with_jobs, "SELECT value FROM job", "jobs") == [(2,)]


def test_a_load_is_refused_beforehand_where_another_database_could_not_be_carried(with_jobs):
    assert check_rights([with_jobs.dsn()], ["jobs"]) == []
    (found,) = check_rights([with_jobs.dsn()], ["jobs", "mail"])
    assert "production has no database mail" in found.text
