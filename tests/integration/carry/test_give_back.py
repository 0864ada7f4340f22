"""The way back: rows that were written since are put into the earlier snapshot before it is opened."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from dataclasses import replace

import psycopg2
import pytest

from plugins.module_utils.reingest.carry import give_back
from plugins.module_utils.reingest.carry.fence import control_session, lift_fence
from plugins.module_utils.reingest.carry.give_back import open_database
from plugins.module_utils.reingest.carry.record import fence_record, write_fence
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.durable_record import DurableRecord
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.volume.unsaved import hold, unsaved

SCHEMA = """
CREATE TABLE object (id text PRIMARY KEY);
CREATE TABLE download (id serial PRIMARY KEY, object text NOT NULL REFERENCES object, note text);
"""
OWNERS = {"object": "source", "download": "quarantine"}


class Switched:
    """Two snapshots: the old one is fenced, the new one serves and its users write."""

    def __init__(self, portal):
        self.portal = portal
        self.old, self.new = portal.production, portal.staging

    @property
    def identifier(self):
        return read_control(self.old.data).system_identifier

    def take(self, run="run-2"):
        return self.portal.take(run)

    def open(self):
        return self.portal.open()


@pytest.fixture
def switched(portal):
    portal.make(SCHEMA, OWNERS)
    portal.live("INSERT INTO object VALUES ('a'), ('b')")
    portal.live("INSERT INTO download (object) VALUES ('a'), ('b'), ('a')")
    portal.new("INSERT INTO object VALUES ('a'), ('c')")
    portal.carry()
    return Switched(portal)


def test_what_was_written_changed_and_deleted_since_is_in_the_old_snapshot(switched):
    switched.portal.new("INSERT INTO download (object) VALUES ('a')")
    switched.portal.new("UPDATE download SET note = 'changed' WHERE id = 1")
    switched.portal.new("DELETE FROM download WHERE id = 3")
    assert switched.take().lines == ("take download: 3 rows",)
    opened = switched.open()
    assert opened.did == ("carry download: 3 carried, 0 differ", "lift the fence of database portal")
    assert switched.portal.live("SELECT id, object, note FROM download ORDER BY id") == [
        (1, "a", "changed"), (2, "b", None), (4, "a", None),
    ]  # fmt: skip
    switched.portal.live("INSERT INTO download (object) VALUES ('b')")
    assert switched.portal.live("SELECT max(id) FROM download") == [(5,)]


def test_a_row_whose_parent_only_the_new_release_has_is_set_aside(switched):
    switched.portal.new("INSERT INTO download (object) VALUES ('c')")
    switched.take()
    assert switched.open().did[0].startswith("carry download: 3 carried, 1 quarantined")
    assert switched.portal.live("SELECT row_values[2] FROM reingest.quarantine") == [("c",)]


def test_without_rows_taken_the_fence_is_only_lifted(switched):
    assert switched.open().did == ("lift the fence of database portal",)
    assert switched.portal.live("SELECT count(*) FROM download") == [(3,)]
    assert switched.open().did == ()


def test_rows_of_a_server_that_was_opened_since_are_not_put(switched):
    """They may be stale: its users could write after they were taken."""
    switched.portal.new("DELETE FROM download")
    switched.take()
    open_database(
        switched.portal.volume, switched.new.dsn(), read_control(switched.new.data).system_identifier, run="x"
    )
    assert switched.open().did == ("lift the fence of database portal",)
    assert switched.portal.live("SELECT count(*) FROM download") == [(3,)]


def test_a_superuser_that_comes_back_in_a_loop_gets_in_only_when_all_is_there(switched):
    switched.portal.new("INSERT INTO download (object) SELECT 'a' FROM generate_series(1, 1000)")
    switched.take()
    stop, seen = threading.Event(), []

    def knock():
        while not stop.is_set():
            with (
                suppress(psycopg2.Error),
                closing(switched.old.connect("portal")) as client,
                client.cursor() as cursor,
            ):
                cursor.execute("SELECT count(*) FROM download")
                seen.append(cursor.fetchone()[0])

    clients = [threading.Thread(target=knock) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        switched.open()
        while len(seen) < 3:
            pass
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert set(seen) == {1003}


def test_a_database_that_a_killed_run_left_renamed_is_found_and_opened(switched):
    """Killed with rows put and not committed, its session still there."""
    switched.portal.new("DELETE FROM download WHERE id = 1")
    switched.take()
    record = fence_record(switched.portal.volume, switched.identifier).read()
    hidden = replace(record, hidden="reingest_" + "0" * 32)
    write_fence(switched.portal.volume, hidden)
    with closing(switched.old.connect()) as control, control.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE portal RENAME TO "{hidden.hidden}"')
        cursor.execute(f'ALTER DATABASE "{hidden.hidden}" ALLOW_CONNECTIONS true')
    with closing(switched.old.connect(hidden.hidden)):
        assert switched.open().did[0] == "carry download: 2 carried, 0 differ"
    assert switched.portal.live("SELECT id FROM download ORDER BY id") == [(2,), (3,)]


def test_one_that_was_left_renamed_is_found_by_a_later_way_back_too(switched):
    """The run that was killed was undone: the newer server was opened, and its users went on."""
    switched.take()
    record = fence_record(switched.portal.volume, switched.identifier).read()
    hidden = replace(record, hidden="reingest_" + "0" * 32)
    write_fence(switched.portal.volume, hidden)
    with closing(switched.old.connect()) as control, control.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE portal RENAME TO "{hidden.hidden}"')
    with closing(control_session(switched.new.dsn())) as control:
        lift_fence(control, "portal")
    switched.portal.new("DELETE FROM download WHERE id = 1")
    switched.take("run-3")
    assert switched.open().did[0] == "carry download: 2 carried, 0 differ"
    assert switched.portal.live("SELECT id FROM download ORDER BY id") == [(2,), (3,)]


def test_a_run_that_was_killed_once_users_were_in_does_not_put_the_rows_again(switched, monkeypatch):
    switched.take()

    remove = DurableRecord.remove

    def killed(record):
        if record.path.parent.name == "fenced":
            raise KeyboardInterrupt
        remove(record)

    monkeypatch.setattr(DurableRecord, "remove", killed)
    with pytest.raises(KeyboardInterrupt):
        switched.open()
    monkeypatch.undo()
    switched.portal.live("INSERT INTO download (object) VALUES ('a')")
    assert switched.open().did == ("lift the fence of database portal",)
    assert switched.portal.live("SELECT count(*) FROM download") == [(4,)]


def test_a_snapshot_that_was_left_without_its_rows_keeps_them(switched):
    """Others in their place would lose them: they are nowhere else."""
    switched.portal.new("DELETE FROM download")
    switched.take()
    live = "20261123T114500Z"
    (switched.portal.volume.staging / live).mkdir(parents=True)
    switched.portal.volume.prod.symlink_to(f"staging/{live}")
    hold(switched.portal.volume, live, run="run-1", why="it was left without carrying them over")
    opened = switched.open()
    assert "were not put into it: they are in" in opened.kept[0]
    assert switched.portal.live("SELECT count(*) FROM download") == [(3,)]
    assert unsaved(switched.portal.volume, live) is None


def test_a_failure_leaves_the_database_fenced_under_its_own_name(switched, monkeypatch):
    switched.take()

    def fail(*_, **__):
        raise Refusal("no")

    monkeypatch.setattr(give_back, "put_rows", fail)
    with pytest.raises(Refusal):
        switched.open()
    assert switched.portal.is_fenced
    monkeypatch.undo()
    assert switched.open().did[0].startswith("carry download")


def test_what_the_older_schema_cannot_hold_is_told_and_kept(switched):
    switched.portal.new("ALTER TABLE download ADD stars int; UPDATE download SET stars = 5")
    switched.take()
    opened = switched.open()
    assert "column stars is not there" in opened.kept[0]
    assert switched.portal.live("SELECT count(*) FROM download") == [(3,)]
    kept = switched.portal.volume.run("run-2") / "carried"
    assert (kept / "unit0").stat().st_size > 0


# What users wrote since, into a newer schema: the statements that make it, and the reason that is told.
NOT_TAKEN = {
    "a value that its enum has not": (
        "ALTER TYPE mood ADD VALUE 'merry'", "UPDATE rating SET mood = 'merry' WHERE id = 1",
        'invalid input value for enum public.mood: "merry"',
    ),
    "a value that it demands": (
        "ALTER TABLE rating ALTER stars DROP NOT NULL", "UPDATE rating SET stars = NULL WHERE id = 1",
        'null value in column "stars"',
    ),
    "a check that it has": (
        "ALTER TABLE rating DROP CONSTRAINT rating_stars_check", "UPDATE rating SET stars = 9 WHERE id = 1",
        'violates check constraint "rating_stars_check"',
    ),
    "a key that it has": (
        "ALTER TABLE rating DROP CONSTRAINT rating_pkey", "UPDATE rating SET id = 1",
        'could not create unique index "rating_pkey"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_TAKEN)
def test_rows_that_the_older_schema_refuses_are_told_and_kept_and_the_others_come_along(portal, kind):
    """Nobody can see them beforehand: in an emergency one such row must not close the way back."""
    change, write, reason = NOT_TAKEN[kind]
    portal.make(
        "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE login (id int PRIMARY KEY);"
        "CREATE TABLE rating (id int PRIMARY KEY, mood mood, stars int NOT NULL CHECK (stars < 6));",
        {"login": "quarantine", "rating": "quarantine"},
    )
    portal.live("INSERT INTO login VALUES (1); INSERT INTO rating VALUES (1, 'sad', 1), (2, 'sad', 2)")
    portal.carry()
    portal.new("INSERT INTO login VALUES (2)")
    portal.new(change)
    portal.new(write)
    opened = portal.back()
    assert opened.did == ("carry login: 2 carried, 0 differ", "lift the fence of database portal")
    (kept,) = opened.kept
    assert kept.startswith("table rating: the earlier schema cannot hold the rows written since (")
    assert reason in kept
    assert portal.live("SELECT id, stars FROM rating ORDER BY 1") == [(1, 1), (2, 2)]
    assert portal.live("SELECT count(*) FROM login") == [(2,)]
