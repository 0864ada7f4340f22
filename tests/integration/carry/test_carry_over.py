"""Rows of the portal's users, from a real server into another."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import Refusal

DOWNLOADS = """
CREATE TABLE data_object (id text PRIMARY KEY);
CREATE TABLE file_download (
    id bigserial PRIMARY KEY, data_object_id text NOT NULL REFERENCES data_object, at timestamptz DEFAULT
    now() ); CREATE INDEX ON file_download (at);
"""
OWNERS = {"data_object": "source", "file_download": "quarantine"}


@pytest.fixture
def downloads(portal):
    """Return a portal with downloads; the load misses data object b."""
    portal.make(DOWNLOADS, OWNERS)
    portal.live("INSERT INTO data_object VALUES ('a'), ('b'), ('c')")
    portal.live("INSERT INTO file_download (data_object_id) SELECT unnest('{a,a,b,c}'::text[])")
    portal.new("INSERT INTO data_object VALUES ('a'), ('c'), ('d')")
    return portal


def test_rows_are_carried_and_those_without_their_parent_are_set_aside(downloads):
    result = downloads.carry()
    assert result.lines == (
        "file_download: 3 carried, 1 quarantined, 0 differ (data_object_id names no row of data_object)",
    )
    assert downloads.new("SELECT id, data_object_id FROM file_download ORDER BY id") == [
        (1, "a"),
        (2, "a"),
        (4, "c"),
    ]
    assert downloads.new("SELECT relation, row_values[1:2], reason, run FROM reingest.quarantine") == [
        ("public.file_download", ["3", "b"], "data_object_id names no row of data_object", "run-1")
    ]
    assert downloads.is_fenced


def test_the_next_row_goes_on_counting_where_production_had_come_to(downloads):
    downloads.live("SELECT setval('file_download_id_seq', 40)")
    downloads.carry()
    downloads.new("INSERT INTO file_download (data_object_id) VALUES ('d')")
    assert downloads.new("SELECT max(id) FROM file_download") == [(41,)]


def test_keys_and_references_are_there_afterwards(downloads):
    before = downloads.new(
        "SELECT conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1"
    )
    indexes = downloads.new("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
    downloads.carry()
    found = downloads.new(
        "SELECT conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace <> 'reingest'::regnamespace OR conname = 'load_table_pkey' ORDER BY 1"
    )
    assert [row for row in before if row in found] == before
    assert downloads.new("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1") == indexes


def test_a_put_that_is_repeated_is_the_same_put(downloads):
    downloads.carry()
    first = downloads.new("TABLE file_download ORDER BY id")
    downloads.lift()
    downloads.carry(run="run-2")
    assert downloads.new("TABLE file_download ORDER BY id") == first
    assert downloads.new("SELECT count(*) FROM reingest.quarantine") == [(1,)]


def test_a_row_in_quarantine_is_back_when_its_parent_is_back(downloads):
    downloads.carry()
    # The load serves, and the next load has b again.
    downloads.lift()
    downloads.production, downloads.staging = downloads.staging, downloads.production
    downloads.servers = type(downloads.servers)(
        downloads.production.dsn(), downloads.staging.dsn(), downloads.servers.database
    )
    result = downloads.carry(run="run-2")
    assert result.lines == ("file_download: 4 carried, 0 differ",)
    assert downloads.new("SELECT id, data_object_id FROM file_download WHERE id = 3") == [(3, "b")]
    downloads.lift()


def test_a_publication_of_all_tables_keeps_no_row_in_quarantine(downloads):
    for run in (downloads.live, downloads.new):
        run("CREATE PUBLICATION everything FOR ALL TABLES")
    test_a_row_in_quarantine_is_back_when_its_parent_is_back(downloads)


def test_a_row_in_quarantine_stays_there_while_another_has_its_key(downloads):
    downloads.live("DELETE FROM file_download WHERE id = 3")
    downloads.carry()
    downloads.lift()
    downloads.live(
        "CREATE TABLE reingest.quarantine (relation text, columns text[], row_values text[], reason text,"
        " run text, since timestamptz)"
    )
    downloads.live(
        "INSERT INTO reingest.quarantine SELECT 'public.file_download', '{id,data_object_id,at}',"
        " ARRAY['1', 'c', '2026-11-23 00:00:00+00'], 'gone', 'run-0', now() FROM generate_series(1, 2)"
    )
    downloads.live(
        "INSERT INTO reingest.quarantine SELECT 'public.file_download', '{id,data_object_id,at}',"
        " ARRAY['77', 'c', '2026-11-23 00:00:00+00'], 'gone', 'run-0', now() FROM generate_series(1, 2)"
    )
    assert (
        downloads.carry(run="run-2").lines[0].startswith("file_download: 4 carried, 3 quarantined, 0 differ")
    )
    kept = downloads.new("SELECT row_values[1], run FROM reingest.quarantine ORDER BY 1")
    assert kept == [("1", "run-0"), ("1", "run-0"), ("77", "run-0")]


def test_a_table_that_says_fail_ends_the_switch_and_production_is_open(portal):
    portal.make(DOWNLOADS, {**OWNERS, "file_download": "fail"})
    portal.live("INSERT INTO data_object VALUES ('a')")
    portal.live("INSERT INTO file_download (data_object_id) VALUES ('a')")
    with pytest.raises(
        Refusal, match="1 rows of users name a row of data_object that the load does not have"
    ):
        portal.carry()
    assert not portal.is_fenced
    assert portal.new("SELECT count(*) FROM file_download") == [(0,)]


def test_dropped_orphans_are_counted(portal):
    portal.make(DOWNLOADS, {**OWNERS, "file_download": "drop"})
    portal.live("INSERT INTO data_object VALUES ('a')")
    portal.live("INSERT INTO file_download (data_object_id) VALUES ('a')")
    line = "file_download: 0 carried, 1 dropped, 0 differ (data_object_id names no row of data_object)"
    assert portal.carry().lines == (line,)
