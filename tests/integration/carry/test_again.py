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


def keep(portal, *scripts, owner="postgres"):
    """Put transforms into both servers' loads."""
    for server in (portal.production, portal.staging):
        server.rows(
            "CREATE TABLE reingest.load_transform (position int PRIMARY KEY, name text, script text)",
            "portal",
        )
        for at, script in enumerate(scripts):
            statement = "INSERT INTO reingest.load_transform VALUES (%(at)s, %(name)s, %(script)s)"
            name = f"count{at or ''}.sql"
            server.rows(statement, "portal", at=at, name=name, script=script)
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


BREAKS = {
    "a row that users' rows name is gone": (
        "SET session_replication_role = replica; DELETE FROM object WHERE id = 'b'",
        "table download: 1 rows name by object a row of object that is gone "
        "(b; reference download_object_fkey, after count.sql)",
    ),
    "a reference of the load's own": (
        "SET session_replication_role = replica; UPDATE part SET object = 'none'",
        "table part: 1 rows name by object a row of object that is gone "
        "(none; reference part_object_fkey, after count.sql)",
    ),
    "a check by a function that is replaced": (
        "CREATE OR REPLACE FUNCTION public.fits(text) RETURNS bool LANGUAGE sql AS $$SELECT $1 <> 'a'$$;"
        "UPDATE object SET downloads = 7 WHERE id = 'b'",
        "table object: 1 rows break it ((a,0); check fits, after count.sql)",
    ),
}


@pytest.mark.parametrize(("script", "message"), BREAKS.values(), ids=BREAKS)
def test_rows_that_break_what_the_catalog_says_to_hold_end_the_switch(counted, script, message):
    for sql in (counted.live, counted.new):
        sql("CREATE TABLE part (object text REFERENCES object); INSERT INTO part VALUES ('a')")
        sql("CREATE FUNCTION fits(text) RETURNS bool LANGUAGE sql AS 'SELECT true'")
        sql("ALTER TABLE object ADD CONSTRAINT fits CHECK (fits(id))")
    keep(counted, script)
    with pytest.raises(Refusal) as refused:
        counted.carry()
    assert "the transforms leave rows that the schema forbids: " in str(refused.value)
    assert message in str(refused.value)
    assert not counted.is_fenced


@pytest.fixture
def login(counted, servers):
    """Make a role of a name, which is returned, on both servers; it may make things in the database."""
    for server in servers:
        server.rows("CREATE ROLE portal_login LOGIN; GRANT CREATE ON SCHEMA public TO portal_login", "portal")
    yield "portal_login"
    if counted.is_fenced:
        counted.lift()
    for server in servers:
        server.rows("DROP OWNED BY portal_login", "portal")
        server.rows("DROP ROLE portal_login")


def test_what_it_leaves_is_proven_with_the_rights_of_the_load_s_owner(counted, login):
    for sql in (counted.live, counted.new):
        sql("CREATE TABLE part (object text REFERENCES object)")
        sql(f"GRANT ALL ON part, object TO {login}; GRANT SELECT ON download TO {login}")
    keep(counted, f"INSERT INTO part VALUES ('a'); {COUNT}", owner=login)
    assert counted.carry().lines == ("download: 3 carried, 0 differ",)


GET_MORE = "ALTER ROLE portal_login SUPERUSER"
MADE_OTHERWISE = "ALTER FUNCTION pg_temp.reingest_again(text) SECURITY INVOKER"
SHADOW = """
CREATE FUNCTION public.rise() RETURNS oid LANGUAGE plpgsql AS
    'BEGIN ALTER ROLE portal_login SUPERUSER; RETURN 0; END';
CREATE TEMP VIEW {name} AS SELECT public.rise() AS oid, '' AS relname, 0::oid AS relnamespace;
GRANT SELECT ON {name} TO PUBLIC
"""


@pytest.mark.attack
@pytest.mark.parametrize("name", ["pg_class", "pg_namespace"])
def test_a_temporary_view_of_a_catalog_s_name_is_not_read(counted, login, name):
    keep(counted, SHADOW.format(name=name), owner=login)
    assert counted.carry().lines == ("download: 3 carried, 0 differ",)
    assert counted.staging.rows(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{login}'") == [(False,)]


@pytest.mark.attack
@pytest.mark.parametrize(
    "escape",
    [
        [GET_MORE],
        [f"RESET ROLE; {GET_MORE}"],
        [f"RESET SESSION AUTHORIZATION; {GET_MORE}"],
        [f"SET ROLE postgres; {GET_MORE}"],
        [f"SET SESSION AUTHORIZATION postgres; {GET_MORE}"],
        [MADE_OTHERWISE, GET_MORE],
    ],
)
def test_a_text_that_the_owner_of_the_load_changed_gets_no_superuser(counted, login, escape):
    keep(counted, *escape, owner=login)
    with pytest.raises(Refusal, match=r"the transform count1?\.sql cannot be run again"):
        counted.carry()
    assert counted.staging.rows(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{login}'") == [(False,)]
