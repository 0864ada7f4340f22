"""What a real server tells of the switch that is to come."""

from __future__ import annotations

import pytest
from integration.conftest import PASSWORD

from plugins.module_utils.reingest.outage.servers import look

TABLES = """
CREATE SCHEMA reingest;
CREATE TABLE reingest.load_table (name text PRIMARY KEY, owner text NOT NULL);
CREATE SCHEMA usage;
CREATE TABLE source (id int);
CREATE TABLE usage.download (id int, what text) PARTITION BY RANGE (id);
CREATE TABLE usage.download_1 PARTITION OF usage.download FOR VALUES FROM (0) TO (1000000);
CREATE TABLE "odd name%" (id int);
INSERT INTO reingest.load_table VALUES
    ('source', 'source'), ('usage.download', 'portal'), ('odd name%', 'portal'), ('gone', 'portal');
INSERT INTO source SELECT generate_series(1, 100000);
"""


@pytest.fixture(scope="module")
def live(server_factory):
    """Return production, whose users have a table with partitions and one with an odd name."""
    server = server_factory()
    server.rows("CREATE DATABASE portal")
    server.rows(TABLES, "portal")
    return server


def checkpoint(server):
    return server.rows("SELECT checkpoint_lsn::text FROM pg_control_checkpoint()")[0][0]


def test_the_size_of_users_rows_and_the_time_of_a_checkpoint(live):
    before, told = look(live.dsn("portal"), rows=True, dry=False)
    assert told == ""
    live.rows(
        "INSERT INTO usage.download SELECT n, 'what was downloaded' FROM generate_series(1, 5000) n", "portal"
    )
    live.rows('INSERT INTO "odd name%" SELECT generate_series(1, 5000)', "portal")
    mark = checkpoint(live)
    now, told = look(live.dsn("portal"), rows=True, dry=False)
    assert told == ""
    assert 400_000 < now.user_bytes - before.user_bytes < 800_000
    assert 0 < now.checkpoint < 5
    assert checkpoint(live) != mark


def test_the_staging_server_writes_out_what_it_holds_also_while_its_database_is_fenced(live, server_factory):
    staging = server_factory()
    staging.rows("CREATE DATABASE portal ALLOW_CONNECTIONS false")
    staging.rows("CREATE TABLE loaded (id int)")
    mark = checkpoint(staging)
    now, told = look(live.dsn("portal"), staging.dsn("portal"), rows=False, dry=False)
    assert (now.checkpoint is None, told) == (False, "")
    assert checkpoint(staging) != mark


def test_a_staging_server_that_is_away_keeps_nothing_from_being_known(live):
    now, told = look(live.dsn("portal"), "host=127.0.0.1 port=1", rows=False, dry=False)
    assert (now.checkpoint is None, told) == (False, "")


def test_a_dry_run_makes_no_checkpoint(live):
    live.rows("INSERT INTO source VALUES (1)", "portal")
    mark = checkpoint(live)
    now, told = look(live.dsn("portal"), live.dsn("portal"), rows=False, dry=True)
    assert (now.user_bytes, now.checkpoint, told) == (0, None, "")
    assert checkpoint(live) == mark


def test_a_database_that_reingest_did_not_load_has_no_rows_of_users(live):
    now, told = look(live.dsn("postgres"), rows=True, dry=True)
    assert (now.user_bytes, told) == (0, "")


def test_what_cannot_be_asked_is_told_and_stops_nothing(live):
    now, told = look("host=127.0.0.1 port=1", rows=True, dry=False)
    assert (now.user_bytes, now.checkpoint) == (0, None)
    assert told.startswith("production could not be asked for the prediction: no PostgreSQL answers")
    live.rows("CREATE ROLE reader LOGIN PASSWORD 'x'")
    reader = live.dsn("portal").replace(f"postgres:{PASSWORD}@", "reader:x@")
    now, told = look(reader, rows=False, dry=False)
    assert now.checkpoint is None
    assert "production could not be asked for the prediction:" in told
    assert "CHECKPOINT" in told
