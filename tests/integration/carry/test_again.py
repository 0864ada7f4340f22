"""Transforms that read users' rows run again once these are put, forwards and back."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import Refusal

SCHEMA = """
CREATE TABLE object (id text PRIMARY KEY, downloads bigint DEFAULT 0);
CREATE TABLE download (id serial PRIMARY KEY, object text NOT NULL REFERENCES object);
CREATE MATERIALIZED VIEW popular AS SELECT object, count(*) FROM download GROUP BY 1;
"""
OWNERS = {"object": "source", "download": "quarantine"}
COUNT = "UPDATE object SET downloads = (SELECT count(*) FROM download WHERE object = object.id) -- 100%"


def keep(portal, script, owner="postgres"):
    """Put a transform into both servers' loads."""
    for server in (portal.production, portal.staging):
        server.rows(
            "CREATE TABLE reingest.load_transform (position int PRIMARY KEY, name text, script text)",
            "portal",
        )
        server.rows(
            "INSERT INTO reingest.load_transform VALUES (0, 'count.sql', %(script)s)", "portal", script=script
        )
        server.rows(f"ALTER TABLE reingest.load_transform OWNER TO {owner}", "portal")


@pytest.fixture
def counted(portal):
    portal.make(SCHEMA, OWNERS)
    portal.live("INSERT INTO object VALUES ('a'), ('b')")
    portal.new("INSERT INTO object VALUES ('a'), ('b')")
    portal.live("INSERT INTO download (object) VALUES ('a'), ('b'), ('a')")
    return portal


def test_what_it_computes_is_of_users_rows(counted):
    keep(counted, COUNT)
    made = counted.carry()
    assert "run transform count.sql again" in made.did
    assert counted.new("SELECT * FROM object ORDER BY id") == [("a", 2), ("b", 1)]
    assert made.lines == ("download: 3 carried, 0 differ",)
    assert counted.new("SELECT proname FROM pg_proc WHERE proname = 'reingest_again'") == []


def test_it_runs_again_on_the_way_back(counted):
    keep(counted, COUNT)
    counted.carry()
    counted.new("INSERT INTO download (object) VALUES ('b')")
    opened = counted.back()
    assert "run transform count.sql again" in opened.did
    assert counted.live("SELECT * FROM object ORDER BY id") == [("a", 2), ("b", 2)]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("SELECT 1 / 0", "the transform count.sql cannot be run again .*division by zero"),
        ("DELETE FROM download", "download: .*3"),
    ],
)
def test_one_that_fails_or_changes_users_rows_ends_the_switch(counted, script, why):
    keep(counted, script)
    with pytest.raises(Refusal, match=why):
        counted.carry()
    assert not counted.is_fenced
    assert counted.new("SELECT count(*) FROM download") == [(0,)]


def test_what_it_sets_does_not_reach_the_proof(counted):
    for sql in (counted.live, counted.new):
        sql("ALTER TABLE download ADD at timestamptz DEFAULT '2021-02-03 04:05:06+00'")
    keep(counted, f"SET TimeZone = 'Asia/Tokyo'; {COUNT}")
    assert counted.carry().lines == ("download: 3 carried, 0 differ",)


@pytest.mark.attack
@pytest.mark.parametrize(
    "escape",
    [
        "",
        "RESET ROLE;",
        "RESET SESSION AUTHORIZATION;",
        "SET ROLE postgres;",
        "SET SESSION AUTHORIZATION postgres;",
    ],
)
def test_a_text_that_the_owner_of_the_load_changed_gets_no_superuser(counted, servers, escape):
    for server in servers:
        server.rows("CREATE ROLE portal_login LOGIN")
    try:
        keep(counted, f"{escape} ALTER ROLE portal_login SUPERUSER", owner="portal_login")
        with pytest.raises(Refusal, match=r"the transform count\.sql cannot be run again"):
            counted.carry()
        assert counted.staging.rows("SELECT rolsuper FROM pg_roles WHERE rolname = 'portal_login'") == [
            (False,)
        ]
    finally:
        for server in servers:
            server.rows("DROP OWNED BY portal_login", "portal")
            server.rows("DROP ROLE portal_login")
