"""What was written into another database since the switch comes back whole."""

from __future__ import annotations

import os
import threading
from contextlib import closing

import psycopg2
import pytest
from clusters import MAJORS
from integration.carry.conftest import Portal
from integration.carry.databases.cluster import SCHEMA, Cluster, in_production
from tiers import sample

from plugins.module_utils.reingest.carry.databases import lift_unrecorded
from plugins.module_utils.reingest.carry.record import carried_folder, fence_record
from plugins.module_utils.reingest.frame.kept_roles import forget_roles
from plugins.module_utils.reingest.postgres.control import read_control


@pytest.mark.parametrize("major", sample(MAJORS, MAJORS[-1]))
def test_each_major_there_and_back(server_factory, tmp_path, monkeypatch, major):
    servers = server_factory(major), server_factory(major)
    monkeypatch.setenv("PATH", f"{servers[0].binaries}:{os.environ['PATH']}")
    cluster = Cluster(Portal(*servers, tmp_path))
    cluster.portal.make(SCHEMA, {"download": "quarantine"})
    cluster.make("jobs")
    cluster.portal.carry()
    cluster.new.rows("DELETE FROM part WHERE n = 1", "jobs")
    cluster.take()
    assert cluster.open().did[1] == "carry database jobs: 3 tables, 5 rows carried, 0 differ"
    assert cluster.old.rows("SELECT n FROM part", "jobs") == [(2,)]


def test_the_way_back_brings_what_was_written_changed_and_deleted_since(switched):
    switched.new.rows("UPDATE part SET n = 3 WHERE n = 1", "jobs")
    switched.new.rows("CREATE TABLE later (n int)", "jobs")
    assert switched.take().lines == (
        "take download: 1 rows",
        "take database jobs: 4 tables, 6 rows",
    )
    assert switched.opened(switched.new) == []
    assert switched.open().did == (
        "carry download: 1 carried, 0 differ",
        "carry database jobs: 4 tables, 6 rows carried, 0 differ",
        "lift the fence of database portal",
        "lift the fence of database jobs",
    )
    assert switched.old.rows("SELECT n FROM part ORDER BY n", "jobs") == [(2,), (3,)]
    assert switched.old.rows("SELECT count(*) FROM later", "jobs") == [(0,)]
    assert switched.opened(switched.old) == ["jobs", "portal"]
    assert switched.copies() == []


def test_without_rows_taken_all_fences_are_lifted(switched):
    assert switched.open().did == ("lift the fence of database portal", "lift the fence of database jobs")
    assert switched.opened(switched.old) == ["jobs", "portal"]


def test_a_copy_of_a_server_that_was_opened_since_is_not_put(switched):
    switched.new.rows("DELETE FROM part", "jobs")
    switched.take()
    switched.open(switched.new)
    switched.open()
    assert switched.old.rows("SELECT count(*) FROM part", "jobs") == [(2,)]


@pytest.mark.parametrize("taken", [True, False])
def test_a_snapshot_of_before_the_declaration_carries_it_when_it_is_left_again(switched, taken):
    switched.old.rows("ALTER DATABASE portal ALLOW_CONNECTIONS true")
    switched.old.rows("DROP TABLE reingest.load_database", "portal")
    switched.old.rows("ALTER DATABASE portal ALLOW_CONNECTIONS false")
    if taken:
        switched.take()
    switched.open()
    switched.old.rows("INSERT INTO part VALUES (7)", "jobs")
    made = switched.take("run-3", forward=True)
    assert made.lines[1] == "take database jobs: 3 tables, 7 rows"
    switched.open(switched.new, run="run-3")
    assert in_production(switched, switched.new) == [(1,), (2,), (7,)]


def test_one_that_was_made_since_is_there_after_the_way_back(switched):
    switched.new.rows("CREATE DATABASE mail")
    switched.new.rows("INSERT INTO reingest.load_database VALUES ('mail', 'portal')", "portal")
    switched.new.rows("CREATE TABLE letter (n int)", "mail")
    switched.take()
    switched.open()
    assert switched.old.rows("SELECT count(*) FROM letter", "mail") == [(0,)]
    assert switched.opened(switched.old) == ["jobs", "mail", "portal"]


def test_what_the_earlier_server_cannot_hold_is_kept_and_told_and_the_portal_is_opened(switched):
    switched.new.rows("CREATE ROLE clerk")
    switched.new.rows("CREATE TABLE theirs (n int)", "jobs")
    switched.new.rows("ALTER TABLE theirs OWNER TO clerk", "jobs")
    switched.take()
    folder = carried_folder(switched.portal.volume, "run-2")
    forget_roles(folder)  # one that cannot be made there
    opened = switched.open()
    assert 'role "clerk" does not exist' in opened.kept[0]
    assert str(folder) in opened.kept[0]
    assert (folder / "only-place").read_text() == f"{opened.kept[0]}\n"
    assert switched.old.rows("SELECT count(*) FROM part", "jobs") == [(2,)]
    assert switched.opened(switched.old) == ["jobs", "portal"]
    assert switched.copies() == []


def test_fences_without_their_record_are_lifted(switched):
    identifier = read_control(switched.old.data).system_identifier
    fence_record(switched.portal.volume, identifier).remove()
    login = switched.old.dsn("portal")
    assert lift_unrecorded(login, identifier) == ("portal", "jobs")
    assert switched.opened(switched.old) == ["jobs", "portal"]
    assert lift_unrecorded(login, identifier) == ()


class Client:
    """A superuser that writes into a database by its name, in a loop, and knows what was acknowledged."""

    def __init__(self, cluster, name):
        self.cluster, self.name, self.acknowledged, self.unknown = cluster, name, [], []
        self.server, self._stop, self._at = cluster.old, threading.Event(), 1000
        self._thread = threading.Thread(target=self._write)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def wait(self, more=5):
        """Wait until rows were acknowledged."""
        wanted = len(self.acknowledged) + more
        while len(self.acknowledged) < wanted:
            assert self._thread.is_alive()
            self._stop.wait(0.01)

    def _write(self):
        while not self._stop.is_set():
            self._at += 1
            try:
                with closing(self.server.connect(self.name)) as session, session.cursor() as cursor:
                    self.unknown.append(self._at)
                    cursor.execute("INSERT INTO part VALUES (-1, NULL), (%s, NULL)", (self._at,))
            except psycopg2.Error:
                continue
            self.acknowledged.append(self.unknown.pop())


def test_every_acknowledged_row_of_a_client_that_returns_in_a_loop_is_there_once(cluster):
    cluster.make("jobs")
    cluster.old.rows("ALTER TABLE part DETACH PARTITION part_1", "jobs")
    cluster.old.rows("CREATE TABLE part_2 PARTITION OF part DEFAULT", "jobs")
    with Client(cluster, "jobs") as client:
        client.wait()
        cluster.portal.carry()
        client.server = cluster.new
        client.wait()
        cluster.take()
        client.server = cluster.old
        cluster.open()
        client.wait()
    there = [n for (n,) in cluster.old.rows("SELECT n FROM part WHERE n > 1000", "jobs")]
    assert len(there) == len(set(there))
    assert set(client.acknowledged) <= set(there) <= {*client.acknowledged, *client.unknown}
    assert len(client.acknowledged) >= 15
