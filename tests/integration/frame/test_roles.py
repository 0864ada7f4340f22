"""Production's roles in the staging server: before the load, at its end, and what stops a promotion."""

from __future__ import annotations

import pytest
from psycopg2.extensions import make_dsn

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.frame.bring import read_both
from plugins.module_utils.reingest.postgres.dsn import connect

HASHES = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1"
ATTRIBUTES = """
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
    rolconnlimit, rolvaliduntil
FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1
"""
SETTINGS = """
SELECT coalesce(rolname, ''), unnest(setconfig)
FROM pg_db_role_setting LEFT JOIN pg_roles r ON r.oid = setrole
WHERE setdatabase = 0 ORDER BY 1, 2
"""
MEMBERS = """
SELECT roleid::regrole::text, member::regrole::text,
    (to_jsonb(a) - '{oid,roleid,member,grantor}'::text[])::text
FROM pg_auth_members a WHERE member::regrole::text !~ '^pg_' ORDER BY 1, 2, 3
"""
GRANTORS = """
SELECT roleid::regrole::text, member::regrole::text, grantor::regrole::text
FROM pg_auth_members WHERE member::regrole::text !~ '^pg_' ORDER BY 1, 2, 3
"""
DROP = """
DO $$ DECLARE names text; BEGIN
    SELECT string_agg(quote_ident(rolname), ', ') INTO names
    FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres';
    IF names IS NOT NULL THEN
        EXECUTE 'DROP OWNED BY ' || names || ' CASCADE';
        EXECUTE 'DROP ROLE ' || names;
    END IF;
END $$
"""
SAME = (HASHES, ATTRIBUTES, SETTINGS, MEMBERS)


@pytest.fixture
def run_as(staging, production):
    """Return ``make(*statements)`` for production; at the end both servers have their superuser alone."""

    def make(*statements):
        for statement in statements:
            production.rows(statement)

    yield make
    for server in (staging, production):
        server.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
        server.rows(DROP)
        server.rows("ALTER ROLE ALL RESET ALL")
        server.rows("ALTER ROLE postgres RESET ALL")


def findings(result):
    return [finding["name"] for finding in result["findings"] if finding["name"].startswith("role")]


def logs_in(server, name, password):
    try:
        connect(make_dsn(server.dsn(), user=name, password=password)).close()
    except Refusal:
        return False
    return True


def test_the_roles_of_the_new_server_are_those_of_production(load, verify, staging, production, run_as):
    run_as(
        "CREATE ROLE portal LOGIN PASSWORD 'first' CONNECTION LIMIT 7 VALID UNTIL '2040-01-01 00:00+00'",
        "CREATE ROLE old LOGIN PASSWORD 'never' VALID UNTIL '-infinity'",
        "CREATE ROLE readers NOINHERIT NOLOGIN",
        "CREATE ROLE \"Ada's \"\"role\"\"\" LOGIN CREATEDB CREATEROLE BYPASSRLS REPLICATION",
        "CREATE ROLE chief SUPERUSER",
        "GRANT readers TO portal",
        "GRANT readers TO \"Ada's \"\"role\"\"\" WITH ADMIN OPTION",
        "GRANT pg_read_all_data TO readers",
        "ALTER ROLE portal SET search_path = \"$user\", public, \"odd, name\"",
        "ALTER ROLE portal SET work_mem = '64MB'",
        "ALTER ROLE portal SET \"my.own\" = 'it''s \\ 100%'",
        "ALTER ROLE portal SET log_statement = 'all'",
        "ALTER ROLE readers SET search_path = ''",
        "ALTER ROLE readers SET TimeZone = 'Europe/Berlin'",
        "ALTER ROLE ALL SET lock_timeout = '9min'",
        "ALTER ROLE postgres SET statement_timeout = '7min'",
    )  # fmt: skip
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    for query in SAME:
        assert staging.rows(query) == production.rows(query), query
    assert logs_in(staging, "portal", "first")
    assert not logs_in(staging, "portal", "second")
    assert not logs_in(staging, "readers", "")
    assert "create role readers as in production" in loaded["roles"]
    assert set(loaded["roles"]) <= set(loaded["step"]["did"])
    assert findings(verify()) == []


def test_a_second_run_changes_no_role(load, run_as):
    run_as("CREATE ROLE portal LOGIN PASSWORD 'first'", "ALTER ROLE portal SET work_mem = '64MB'")
    assert load()["changed"]
    again = load(run="run-2")
    assert (again["action"], again["changed"], again["roles"]) == ("keep_staged", False, [])


def test_a_dry_run_says_what_the_run_then_does_and_makes_no_role(load, staging, run_as):
    staging.rows("ALTER ROLE postgres PASSWORD 'only-for-tests'")  # the same, with a salt of its own
    run_as("CREATE ROLE portal LOGIN PASSWORD 'first'", "CREATE ROLE readers", "GRANT readers TO portal")
    planned = load(check=True)
    assert not planned.get("failed"), planned
    assert staging.rows("SELECT 1 FROM pg_roles WHERE rolname = 'portal'") == []
    assert [row[0] for row in staging.rows(HASHES)] == ["postgres"]
    assert planned["roles"] == load()["roles"]
    assert "roles: create role portal as in production\n" in planned["diff"]["after"]


def test_the_schema_may_give_rights_to_productions_roles(load, portal, staging, run_as):
    run_as("CREATE ROLE portal LOGIN PASSWORD 'first'")
    portal.schema((portal.folder / "schema.sql").read_text() + "GRANT SELECT ON book TO portal;")
    for plan_only in (True, False):
        loaded = load(plan_only=plan_only)
        assert not loaded.get("failed"), loaded
    assert staging.rows("SELECT has_table_privilege('portal', 'book', 'select')", "library") == [(True,)]


def test_a_role_that_the_schema_makes_and_production_has_is_refused_with_the_remedy(load, portal, run_as):
    run_as("CREATE ROLE portal LOGIN")
    portal.schema((portal.folder / "schema.sql").read_text() + "CREATE ROLE portal;")
    message = load()["msg"]
    assert 'role "portal" already exists' in message
    assert "production's roles are made before the schema is applied" in message


def test_a_role_that_the_schema_makes_and_production_lacks_stays(load, portal, staging, verify, run_as):
    portal.schema(
        (portal.folder / "schema.sql").read_text()
        + "CREATE ROLE curator; CREATE ROLE boss; GRANT boss TO curator; GRANT pg_monitor TO curator;"
    )
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    assert [row[:2] for row in staging.rows(MEMBERS)] == [("boss", "curator"), ("pg_monitor", "curator")]
    assert findings(verify()) == []


@pytest.fixture
def meanwhile(portal, staging, production):
    """Return ``change(text)``: SQL that production gets while the load runs, from a transform."""
    file = production.data.with_suffix(".meanwhile.sql")

    def change(text):
        file.write_text(text)
        file.chmod(0o644)
        portal.change("checks:", "transform: [meanwhile.sql]\nchecks:")
        program = f"{staging.binaries}/psql -q -v ON_ERROR_STOP=1 -f {file} {production.dsn()}"
        (portal.folder / "meanwhile.sql").write_text(f"COPY (SELECT 1) TO PROGRAM '{program}';")

    yield change
    file.unlink(missing_ok=True)


def test_what_changed_in_production_during_the_load_is_so_in_the_new_server(
    load, staging, production, verify, run_as, meanwhile
):
    run_as(
        "CREATE ROLE portal LOGIN PASSWORD 'first'",
        "CREATE ROLE a",
        "CREATE ROLE b",
        "GRANT a TO b WITH ADMIN OPTION",
        "GRANT a TO portal",
        "ALTER ROLE portal SET work_mem = '1MB'",
    )
    meanwhile(
        "ALTER ROLE portal PASSWORD 'second'; ALTER ROLE portal RESET work_mem; REVOKE a FROM portal;"
        "REVOKE ADMIN OPTION FOR a FROM b; ALTER ROLE a LOGIN; CREATE ROLE late LOGIN PASSWORD 'third';"
    )
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    assert logs_in(production, "portal", "second")
    for query in SAME:
        assert staging.rows(query) == production.rows(query), query
    assert logs_in(staging, "portal", "second")
    assert not logs_in(staging, "portal", "first")
    assert logs_in(staging, "late", "third")
    assert findings(verify()) == []


def test_what_changed_after_the_load_stops_the_promotion_until_the_roles_are_brought_over_again(
    load, staging, production, verify, run_as
):
    run_as("CREATE ROLE portal LOGIN PASSWORD 'first'")
    assert load()["changed"]
    run_as(
        "ALTER ROLE portal PASSWORD 'second'", "ALTER ROLE portal SET work_mem = '1MB'", "CREATE ROLE late"
    )
    refused = verify()
    assert findings(refused) == ["role:late", "role:portal"]
    assert "role portal is not so in the staging server" in refused["msg"]
    assert "(password, setting work_mem)" in refused["msg"]
    assert "SCRAM" not in str(refused)
    kept = load(plan_only=True)
    assert kept["action"] == "keep_staged"
    assert kept["roles"] == [
        "create role late as in production",
        "give role portal production's password",
        "give role portal production's setting work_mem",
    ]
    assert logs_in(staging, "portal", "second")
    assert findings(verify()) == []


def test_the_account_that_loads_gets_its_password_and_settings_at_the_end(load, staging, production, run_as):
    run_as("ALTER ROLE postgres SET work_mem = '3MB'", "ALTER ROLE ALL SET lock_timeout = '9min'")
    staging.rows("ALTER ROLE postgres PASSWORD 'only-for-tests'")  # the same, with a salt of its own
    before = staging.rows(HASHES)
    both = read_both(production.dsn(), staging.dsn())
    assert both.changes(last=False) == ()
    assert load(plan_only=True)["roles"] == []
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    assert loaded["roles"] == [
        "give role postgres production's password",
        "give role postgres production's setting work_mem",
        "give all roles production's setting lock_timeout",
    ]
    assert staging.rows(HASHES) == production.rows(HASHES) != before
    assert logs_in(staging, "postgres", "only-for-tests")


def test_an_account_with_another_password_in_production_is_refused_before_the_load(
    load, verify, staging, production, run_as
):
    run_as("CREATE ROLE loader SUPERUSER LOGIN PASSWORD 'of-production'")
    staging.rows("CREATE ROLE loader SUPERUSER LOGIN PASSWORD 'of-staging' CREATEDB")
    own = {"staging_dsn": make_dsn(staging.dsn(), user="loader", password="of-staging")}
    refused = load(**own)["msg"]
    assert "- role:loader: the account that loads, loader, differs from" in refused
    assert "in its attributes and password, and after a promotion" in refused
    assert "of-staging" not in refused
    assert "library" not in {row[0] for row in staging.rows("SELECT datname FROM pg_database")}
    loaded = load(**own, accept=["role:loader"])
    assert loaded.get("changed"), loaded.get("msg")
    assert logs_in(staging, "loader", "of-staging")
    assert findings(verify(**own, accept=["role:loader"])) == ["role:loader"]
    assert not verify(**own, accept=["role:loader"]).get("failed")


def test_no_hash_is_in_a_result_or_in_a_servers_log(load, verify, staging, production, run_as):
    loud = ["log_statement = 'all'", "log_min_duration_statement = 0", "log_min_error_statement = 'debug5'"]
    for server in (staging, production):
        for setting in loud:
            server.rows(f"ALTER SYSTEM SET {setting}")
        server.rows("SELECT pg_reload_conf()")
    try:
        run_as("CREATE ROLE portal LOGIN PASSWORD 'first'", "ALTER ROLE portal SET default_tablespace = ''")
        results = [load(check=True), load(), verify()]
    finally:
        for server in (staging, production):
            server.rows("ALTER SYSTEM RESET ALL")
            server.rows("SELECT pg_reload_conf()")
    hashes = [row[1] for row in production.rows(HASHES)]
    assert len(hashes) == 2
    logs = [server.data.with_suffix(".log").read_text() for server in (staging, production)]
    assert "CREATE TABLE author" in logs[0], "the log has statements"
    assert logs[0].count("pg_authid") > 0
    for password in hashes:
        assert password not in str(results)
        assert not any(password in log for log in logs)
        assert not any(password.partition("$")[2] in log for log in logs)


def test_a_statement_that_is_refused_is_named_and_stops_the_promotion(
    load, verify, staging, production, run_as
):
    run_as("CREATE ROLE chief SUPERUSER", "CREATE ROLE portal LOGIN PASSWORD 'first'")
    run_as("ALTER ROLE portal SET default_table_access_method = 'heap'")
    # What production was given by a library that the staging server has not.
    production.rows(
        "SET allow_system_table_mods = on; UPDATE pg_db_role_setting"
        " SET setconfig = ARRAY['no_such_setting=1'] WHERE setrole = 'portal'::regrole"
    )
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    assert "setting no_such_setting: unrecognized configuration parameter" in str(loaded["warnings"])
    assert "first" not in str(loaded["warnings"])
    assert logs_in(staging, "portal", "first")
    refused = verify()
    assert findings(refused) == ["role:portal"]
    assert "(setting no_such_setting)" in refused["msg"]


def test_a_login_to_production_that_may_not_read_passwords_is_refused_with_the_remedy(
    load, verify, staging, production, run_as
):
    run_as("CREATE ROLE looker LOGIN PASSWORD 'only-for-tests'", "CREATE ROLE portal LOGIN PASSWORD 'first'")
    run_as("GRANT CONNECT ON DATABASE library TO looker")
    own = {"production_dsn": make_dsn(production.dsn(), user="looker", password="only-for-tests")}
    refused = load(**own)["msg"]
    assert "- roles: production's roles and their passwords cannot be brought over" in refused
    assert "GRANT SELECT ON pg_authid TO" in refused
    loaded = load(**own, accept=["roles"])
    assert loaded.get("changed"), loaded.get("msg")
    assert loaded["roles"] == []
    assert findings(verify(**own)) == ["roles", "role:looker", "role:portal"]
    production.rows("GRANT SELECT ON pg_authid TO looker")
    assert not load(**own, plan_only=True).get("failed")
    assert findings(verify(**own)) == []


def test_a_staging_login_that_is_no_superuser_cannot_bring_roles_over(load, staging, run_as):
    run_as("CREATE ROLE portal LOGIN PASSWORD 'first'")
    staging.rows("CREATE ROLE loader LOGIN CREATEDB CREATEROLE PASSWORD 'only-for-tests'")
    staging.rows("GRANT CREATE ON SCHEMA public TO loader")
    own = {"staging_dsn": make_dsn(staging.dsn(), user="loader", password="only-for-tests")}
    assert "give reingest_staging_dsn a superuser" in load(**own)["msg"]
    loaded = load(**own, accept=["roles"])
    assert loaded.get("changed"), loaded.get("msg")


def test_a_membership_that_a_role_granted_on_keeps_who_granted_it(load, major, staging, production, run_as):
    run_as("CREATE ROLE a", "CREATE ROLE b", "CREATE ROLE c", "GRANT a TO c WITH ADMIN OPTION")
    run_as("SET ROLE c; GRANT a TO b")
    if major >= 16:
        run_as("GRANT a TO b WITH INHERIT FALSE, SET FALSE GRANTED BY c")
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    assert staging.rows(MEMBERS) == production.rows(MEMBERS)
    if major >= 16:
        assert staging.rows(GRANTORS) == production.rows(GRANTORS)
        assert ("a", "b", "c") in staging.rows(GRANTORS)
    assert load(run="run-2")["roles"] == []


def test_a_first_ingest_brings_nothing_over(load, staging):
    loaded = load(production_dsn="", first=True)
    assert loaded.get("changed"), loaded.get("msg")
    assert loaded["roles"] == []
