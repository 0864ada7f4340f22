"""A database's owner, who is no superuser, says where its sessions look for functions."""

from __future__ import annotations

from contextlib import closing

import pytest

from plugins.module_utils.reingest.carry.survey import loaded_database
from plugins.module_utils.reingest.load.server import inspect_server
from plugins.module_utils.reingest.outage.servers import look
from plugins.module_utils.reingest.postgres.dsn import connect
from plugins.module_utils.reingest.postgres.maintenance import freeze
from plugins.module_utils.reingest.postgres.pins import catalogue_first

pytestmark = pytest.mark.attack

# Each makes its owner a superuser where a superuser's session calls it.
FUNCTIONS = {
    "to_regclass(text)": "regclass",
    "set_config(text, text, boolean)": "text",
    "pg_table_size(regclass)": "bigint",
    "pg_table_size(oid)": "bigint",
    "format_type(oid, integer)": "text",
    "pg_get_expr(pg_node_tree, oid)": "text",
    "current_setting(text)": "text",
}
BODY = "$$BEGIN ALTER ROLE trapper SUPERUSER; RETURN NULL; END$$"


@pytest.fixture(scope="module")
def trapped(server_factory):
    server = server_factory()
    server.rows("CREATE ROLE trapper LOGIN PASSWORD 'x'")
    server.rows("CREATE DATABASE trapped OWNER trapper")
    made = "; ".join(
        f"CREATE FUNCTION trap.{name} RETURNS {type_} LANGUAGE plpgsql AS {BODY}"
        for name, type_ in FUNCTIONS.items()
    )
    path = "ALTER DATABASE trapped SET search_path = trap, pg_catalog"
    server.rows(
        f"SET ROLE trapper; CREATE SCHEMA trap; {made}; CREATE TABLE trap.t AS SELECT 1; {path}", "trapped"
    )
    return server


@pytest.mark.parametrize(
    "visit",
    [
        lambda dsn: look(dsn, rows=True, dry=False),
        loaded_database,
        lambda dsn: inspect_server(dsn, "trapped"),
        freeze,
    ],
    ids=["outage", "carry", "load", "finalise"],
)
def test_no_session_of_a_superuser_calls_its_functions(trapped, visit):
    visit(trapped.dsn("trapped"))
    assert trapped.rows("SELECT rolsuper FROM pg_roles WHERE rolname = 'trapper'") == [(False,)]


def test_its_own_schema_stays_in_the_path(trapped):
    with closing(connect(trapped.dsn("trapped"))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('t') IS NOT NULL, to_regclass('pg_class') IS NOT NULL")
        assert cursor.fetchone() == (True, True)
        connection.rollback()
        cursor.execute("SHOW search_path")
        assert cursor.fetchone() == ("trap",)


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ('"$user", public', ""),
        ("", ""),
        ("pg_catalog", ""),
        ("pg_catalog, public", ""),
        ("trap, pg_catalog", "trap"),
        ('trap,"pg_catalog",public', "trap,public"),
        ("trap, PG_CATALOG", "trap"),
        ('"a,b", pg_catalog', '"a,b"'),
        ("pg_catalog, trap, pg_catalog", ""),
    ],
)
def test_the_catalogue_comes_first(path, safe):
    assert catalogue_first(path) == safe
