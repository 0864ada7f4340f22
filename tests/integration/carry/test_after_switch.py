"""Materialised views that a dataset leaves for after the window: refreshed in order, whoever is killed."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import closing
from types import SimpleNamespace

import psycopg2
import pytest
from crash.module import claim, release
from crash.volumes import A, B
from integration.carry.killed import killed_in
from integration.carry.test_undo import rows, switch_to
from tiers import sample
from writes.place import Place
from writes.switch import INGEST, ROLLBACK, TOGETHER, Switch, recover

from plugins.module_utils.reingest.carry import after_switch
from plugins.module_utils.reingest.carry import carry_over as carry_module
from plugins.module_utils.reingest.carry.after_switch import refresh_pending
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.reporting.users_rows import listed_rows
from plugins.module_utils.reingest.reporting.volume_info import describe
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.pending_views import pending_here, pending_record, views_wait

# `monthly` and what reads it wait, also what reads it by way of a view; `daily` is refreshed with the rows.
SCHEMA = """
CREATE TABLE t (a int);
CREATE MATERIALIZED VIEW daily AS SELECT count(*) AS n FROM t;
CREATE SCHEMA other;
CREATE MATERIALIZED VIEW other.monthly AS SELECT n, 1 / (n - 7) AS share FROM daily;
CREATE UNIQUE INDEX ON other.monthly (n);
CREATE VIEW between_them AS SELECT n FROM other.monthly;
CREATE MATERIALIZED VIEW "a ""yearly"", 100%" AS SELECT n * 10 AS n FROM between_them;
"""
YEARLY = 'a "yearly", 100%'
DECLARE = """
CREATE TABLE IF NOT EXISTS reingest.load_view (name text PRIMARY KEY);
INSERT INTO reingest.load_view VALUES ('other.monthly')
"""
SEEN = 'SELECT (TABLE daily), (SELECT n FROM other.monthly), (TABLE "a ""yearly"", 100%")'


def becomes_live(portal, server, snapshot):
    """Have a server's system identifier be that of the snapshot that is live."""
    folder = portal.volume.snapshot(snapshot) / "global"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(server.data / "global/pg_control", folder)
    portal.volume.prod.unlink(missing_ok=True)
    portal.volume.prod.symlink_to(f"staging/{snapshot}")


@pytest.fixture
def declared(portal):
    portal.make(SCHEMA, {"t": "quarantine"})
    portal.live(DECLARE)
    portal.new(DECLARE)
    portal.live("INSERT INTO t VALUES (1), (2)")
    becomes_live(portal, portal.production, A)
    return portal


def refresh(portal):
    return refresh_pending(portal.volume, portal.staging.dsn())


def carried(portal):
    made = portal.carry()
    becomes_live(portal, portal.staging, B)
    return made


def test_it_and_what_reads_it_wait_and_are_refreshed_in_order(declared):
    made = carried(declared)
    assert made.later == ("other.monthly", YEARLY)
    assert declared.new(SEEN) == [(2, 0, 0)]
    assert pending_here(declared.volume).views == made.later
    assert declared.new("SELECT schema, name FROM reingest.pending_view ORDER BY position") == [
        ("other", "monthly"),
        ("public", YEARLY),
    ]
    done = refresh(declared)
    assert (done.did, done.warnings) == (
        ["refresh materialised view other.monthly", f"refresh materialised view {YEARLY}"],
        [],
    )
    assert declared.new(SEEN) == [(2, 2, 20)]
    analysed = "SELECT count(*) FROM pg_stats WHERE tablename IN ('monthly', 'a \"yearly\", 100%')"
    assert declared.new(analysed) == [(3,)]
    assert not views_wait(declared.volume)
    assert refresh(declared).did == []


def test_readers_are_served_while_one_with_a_unique_index_is_refreshed(declared):
    carried(declared)
    with closing(declared.staging.connect("portal")) as reader, reader.cursor() as cursor:
        cursor.execute("BEGIN; SELECT n FROM other.monthly")  # its lock stays until the transaction ends
        made = refresh(declared)
    assert made.did[0] == "refresh materialised view other.monthly"
    assert made.warnings == []


def test_a_load_that_declares_none_refreshes_all_with_the_rows(portal):
    portal.make(SCHEMA, {"t": "quarantine"})
    portal.live("INSERT INTO t VALUES (1), (2)")
    portal.new("CREATE TABLE reingest.pending_view (position int)")  # of a switch before
    becomes_live(portal, portal.production, A)
    assert carried(portal).later == ()
    assert portal.new(SEEN) == [(2, 2, 20)]
    assert not views_wait(portal.volume)
    assert portal.new("SELECT to_regclass('reingest.pending_view')") == [(None,)]


def test_one_that_fails_is_told_with_its_statement_and_waits_with_what_reads_it(declared):
    declared.live("INSERT INTO t SELECT generate_series(3, 7)")
    carried(declared)
    made = refresh(declared)
    assert made.did == [f"refresh materialised view {YEARLY}"]
    (warning,) = made.warnings
    assert warning.startswith("materialised view other.monthly does not show users' rows, and the switch is")
    assert "division by zero" in warning
    assert 'then run: REFRESH MATERIALIZED VIEW CONCURRENTLY "other"."monthly";' in warning
    assert pending_here(declared.volume) is not None
    declared.new("INSERT INTO t VALUES (8)")
    declared.new("REFRESH MATERIALIZED VIEW daily")
    assert refresh(declared).warnings == []
    assert declared.new(SEEN) == [(8, 8, 80)]
    assert not views_wait(declared.volume)


def test_one_that_is_gone_or_was_emptied_since_waits_no_more(declared):
    carried(declared)
    declared.new('DROP MATERIALIZED VIEW "a ""yearly"", 100%"')
    declared.new("REFRESH MATERIALIZED VIEW other.monthly WITH NO DATA")
    made = refresh(declared)
    assert (made.did, made.warnings) == ([], [])
    assert declared.new("SELECT ispopulated FROM pg_matviews WHERE matviewname = 'monthly'") == [(False,)]
    assert not views_wait(declared.volume)


def test_they_wait_on_the_way_back_too(declared):
    carried(declared)
    refresh(declared)
    declared.new("INSERT INTO t VALUES (3)")
    opened = declared.back()
    assert opened.later == ("other.monthly", YEARLY)
    becomes_live(declared, declared.production, A)
    assert declared.live(SEEN) == [(3, 0, 0)]
    assert refresh_pending(declared.volume, declared.production.dsn()).warnings == []
    assert declared.live(SEEN) == [(3, 3, 30)]
    becomes_live(declared, declared.staging, B)
    assert not views_wait(declared.volume)


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_before_the_rows_are_there_leaves_nothing_that_waits(declared, after):
    assert killed_in(carry_module, "note_pending", declared.carry, after=after)
    becomes_live(declared, declared.staging, B)  # were it promoted all the same
    assert views_wait(declared.volume) is after
    assert refresh(declared) == after_switch.Refreshed()
    assert declared.new(SEEN) == [(0, 0, 0)]
    assert not views_wait(declared.volume)


@pytest.mark.parametrize(
    ("name", "after", "left"),
    [
        ("pinned", True, ["other.monthly", YEARLY]),
        ("_done", False, [YEARLY]),  # the first is refreshed, and says so
        ("forget_pending", False, []),
    ],
)
def test_what_a_killed_run_did_not_refresh_the_next_one_does(declared, name, after, left):
    carried(declared)
    assert killed_in(after_switch, name, lambda: refresh(declared), after=after)
    assert views_wait(declared.volume)
    made = refresh(declared)
    assert (made.did, made.warnings) == ([f"refresh materialised view {view}" for view in left], [])
    assert declared.new(SEEN) == [(2, 2, 20)]
    assert not views_wait(declared.volume)


def test_a_server_that_does_not_answer_or_is_another_one_is_a_warning(declared):
    carried(declared)
    declared.lift()
    nobody = "postgresql://postgres@127.0.0.1:1/postgres"
    for dsn, why in ((nobody, "127.0.0.1:1"), (declared.production.dsn(), "another server answers")):
        (warning,) = refresh_pending(declared.volume, dsn).warnings
        assert why in warning
        assert warning.endswith("correct that, then run recover.yml")
    assert views_wait(declared.volume)


def test_a_record_that_nobody_can_read_is_told_and_keeps_no_run_from_beginning(declared):
    carried(declared)
    record = pending_record(declared.volume, read_control(declared.staging.data).system_identifier)
    record.path.write_text("{")
    assert views_wait(declared.volume)
    (warning,) = refresh(declared).warnings
    assert "is damaged: refresh those of the dataset's `views:` yourself, then delete it" in warning


@pytest.mark.attack
def test_a_table_that_the_owner_of_the_load_put_in_place_of_ours_gets_no_superuser(declared, servers):
    for server in servers:
        server.rows("CREATE ROLE portal_login LOGIN")
    evil = """
    DROP TABLE IF EXISTS reingest.pending_view;
    CREATE TABLE reingest.pending_view (position int, schema text, name text);
    INSERT INTO reingest.pending_view VALUES (0, 'other', 'monthly');
    CREATE FUNCTION public.evil() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN ALTER ROLE portal_login SUPERUSER; RETURN OLD; END';
    CREATE TRIGGER evil BEFORE INSERT OR DELETE ON reingest.pending_view EXECUTE FUNCTION public.evil();
    ALTER TABLE reingest.pending_view OWNER TO portal_login;
    """
    try:
        declared.new(evil)
        carried(declared)
        declared.new("DROP FUNCTION public.evil")
        declared.new(evil)
        (warning,) = refresh(declared).warnings
        assert "reingest.pending_view is not as the switch made it: refresh other.monthly, " in warning
        query = "SELECT rolsuper FROM pg_roles WHERE rolname = 'portal_login'"
        assert declared.staging.rows(query) == [(False,)]
    finally:
        declared.lift()
        for server in servers:
            server.rows("DROP OWNED BY portal_login", "portal")
            server.rows("DROP ROLE portal_login")


MADE = """
CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM event;
CREATE TABLE reingest.load_view (name text PRIMARY KEY);
INSERT INTO reingest.load_view VALUES ('m')
"""


@pytest.fixture
def place(templates):
    """Return a place with a row of a user; production and the load have a view that waits."""
    made = Place(templates, templates.root / "copy")
    made.start()
    for port in (made.production_port, made.staging_port):
        with closing(psycopg2.connect(made.dsn(port))) as session, session.cursor() as cursor:
            cursor.execute(MADE)
            session.commit()
    rows(made, "INSERT INTO event VALUES ('a', 1)")
    yield made
    made.remove()


def answers(place, verbs):
    """Return the results of calls that must succeed."""
    found = []
    for verb in verbs:
        answer = verb.call(place.volume)
        assert answer.succeeded, answer.text
        found.append(answer.result)
    return found


def refreshing(place, run):
    refreshed = place.verb("carry_over", run, state="refreshed", production_dsn=place.dsn())
    return answers(place, [claim(run), refreshed, release(run)])[1]


def test_the_steps_of_a_switch_say_what_waits_there_and_back(place):
    for number, (kind, snapshot, live) in enumerate([(INGEST, B, B), (ROLLBACK, "", A)]):
        steps = Switch(place, f"20261201T000000Z-{number}", kind, snapshot, together=True).steps()
        name, verb = next(steps)
        made = {}
        while verb is not None:
            (made[name],) = answers(place, [verb])
            name, verb = steps.send(SimpleNamespace(result=made[name])) if name != "Release" else ("", None)
        assert made[TOGETHER]["views"] == ["m"]
        assert place.live == live
        assert rows(place, "SELECT n FROM m") == [(0,)]
        told = "\n".join(listed_rows(describe(Volume(place.volume))))
        assert "production: materialised view m does not show users' rows yet" in told
        assert refreshing(place, "20261201T000000Z-9")["step"]["did"] == ["refresh materialised view m"]
        assert rows(place, "SELECT n FROM m") == [(1,)]
        assert describe(Volume(place.volume))["views"] == []


def test_the_survey_before_a_window_names_what_waits(place):
    survey = switch_to(place, "Survey").result
    assert survey["views"] == ["m"]
    assert "refresh materialised view m after the window" in survey["lines"]


@pytest.mark.parametrize(
    "last", sample(["Carry", "Promote", "Start production", "Close the window"], "Promote")
)
def test_a_run_that_died_before_they_were_refreshed_leaves_them_to_the_next_one(place, last):
    switch_to(place, last)
    if place.process("watchdog"):
        os.kill(place.process("watchdog"), signal.SIGKILL)
    recovered = answers(place, recover(place, "20261201T000000Z-2"))[1]
    if last == "Carry":  # the old production serves on, and nothing was put into it
        assert (place.live, recovered["views_wait"]) == (A, False)
        return
    assert (place.live, recovered["views_wait"]) == (B, True)
    assert rows(place, "SELECT n FROM m") == [(0,)]
    assert refreshing(place, "20261201T000000Z-3")["step"]["did"] == ["refresh materialised view m"]
    assert rows(place, "SELECT n FROM m") == [(1,)]
