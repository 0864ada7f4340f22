"""Production's other databases, as a load finds them before it begins."""

from __future__ import annotations

import pytest
from psycopg2.extensions import make_dsn

from plugins.module_utils.reingest.frame.databases import other_databases


@pytest.fixture
def other(production):
    """Return ``make(*statements, name=)``: another database of production; all are gone at the end."""
    made = []

    def make(*statements, name="other"):
        production.rows(f'CREATE DATABASE "{name}"')
        made.append(name)
        for statement in statements:
            production.rows(statement, name)
        return name

    yield make
    for name in made:
        production.rows(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        production.rows(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def held(production):
    """Return what one database holds."""

    def look(name, dsn=None):
        found = {one.name: one for one in other_databases(dsn or production.dsn(), "library")}
        return found[name]

    return look


def databases(server):
    return {row[0] for row in server.rows("SELECT datname FROM pg_database")}


def test_all_databases_that_hold_something_stop_a_load_with_the_lines_to_paste(
    load, other, staging, production
):
    other("CREATE TABLE kept (n int)", "CREATE TABLE gone (n int)")
    other("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", name="a b: c")
    other(name="empty")
    production.rows("CREATE TABLE jobs (n int)")
    try:
        for check in (True, False):
            message = load(check=check)["msg"]
            assert "other holds 2 relations (public.gone, public.kept)" in message
            assert "a b: c holds 1 function (public.f)" in message
            assert "postgres holds 1 relation (public.jobs)" in message
            assert '`databases: {"a b: c": ignore, other: ignore, postgres: ignore}`' in message
            assert "empty" not in message
            assert "accept" not in message
        assert "library" not in databases(staging)
        assert "databases" in load(accept=["databases"])["msg"]
    finally:
        production.rows("DROP TABLE jobs")


def test_a_database_that_the_dataset_leaves_behind_stops_nothing(load, verify, other, portal):
    other("CREATE TABLE kept (n int)")
    other("CREATE TABLE kept (n int)", name="a b: c")
    portal.change("tables:", 'databases: {"a b: c": ignore, other: ignore}\ntables:')
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    result = verify(accept=["schema:author"])
    assert not any(finding["name"] == "databases" for finding in result["findings"])


def test_a_load_writes_down_what_becomes_of_other_databases(load, verify, other, portal, staging):
    other("CREATE TABLE kept (n int)")
    portal.change("tables:", "databases: {other: portal, gone: ignore}\ntables:")
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    assert (loaded["databases"], loaded["portal"]) == (["other"], True)
    assert verify(accept=["schema:author"])["databases"] == ["other"]
    written = staging.rows("SELECT name, owner FROM reingest.load_database ORDER BY 1", "library")
    assert written == [("gone", "ignore"), ("other", "portal")]


def test_a_copy_that_was_replaced_and_could_not_be_deleted_stops_nothing(load, other):
    other("CREATE TABLE kept (n int)", name="reingest_replaced_" + "0" * 32)
    assert load().get("changed")


def test_a_database_that_is_made_after_the_load_stops_the_promotion(load, verify, other, production):
    assert load()["changed"]
    other("CREATE TABLE late (n int)")
    assert "other holds 1 relation (public.late)" in verify()["msg"]


@pytest.mark.parametrize(
    ("statement", "holds"),
    {
        "table": ("CREATE TABLE t (n serial PRIMARY KEY)", "2 relations (public.t, public.t_n_seq)"),
        "view": ("CREATE VIEW v AS SELECT 1 AS n", "1 relation (public.v)"),
        "enum": ("CREATE TYPE colour AS ENUM ('red')", "1 type (public.colour)"),
        "schema": ("CREATE SCHEMA s", "1 schema (s)"),
        "large object": ("SELECT lo_create(4711)", "1 large object (4711)"),
        "nothing": ("SELECT 1", ""),
    }.values(),
    ids=str,
)
def test_what_a_database_holds_is_named(other, held, statement, holds):
    assert held(other(statement)).holds == holds


def test_what_belongs_to_an_extension_is_not_a_users_but_the_rows_in_its_tables_are(other, held, production):
    name = other(
        "CREATE TABLE job (n int)",
        "ALTER EXTENSION plpgsql ADD TABLE job",
        "SET allow_system_table_mods = on; UPDATE pg_extension SET extconfig = ARRAY['job'::regclass::oid],"
        " extcondition = ARRAY['WHERE n > 1'] WHERE extname = 'plpgsql'",
        "INSERT INTO job VALUES (1)",
    )
    assert held(name).holds == ""
    production.rows("INSERT INTO job VALUES (2)", name)
    assert held(name).holds == "rows of extension plpgsql in public.job"


def test_a_session_with_temporary_tables_is_no_object_of_the_database(other, held, production):
    name = other()
    session = production.connect(name)
    try:
        with session.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE t (n text)")
        assert held(name).holds == ""
    finally:
        session.close()


def test_a_database_without_connections_is_not_looked_into_and_must_be_declared(
    load, other, portal, production
):
    name = other()
    production.rows(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    message = load()["msg"]
    assert "what other holds cannot be told: it allows no connections (datallowconn)" in message
    assert production.rows("SELECT datallowconn FROM pg_database WHERE datname = 'other'") == [(False,)]
    portal.change("tables:", "databases: {other: ignore}\ntables:")
    assert load().get("changed")


def test_a_database_that_the_login_may_not_enter_must_be_declared(other, held, production):
    name = other()
    production.rows(f"REVOKE CONNECT ON DATABASE {name} FROM public")
    production.rows("CREATE ROLE outsider LOGIN PASSWORD 'only-for-tests'")
    try:
        found = held(name, make_dsn(production.dsn(), user="outsider"))
        assert "permission denied for database" in found.unknown
        assert "only-for-tests" not in found.unknown
    finally:
        production.rows("DROP ROLE outsider")
