"""The load's database orders and encodes texts as production's does; what does not is found or refused."""

from __future__ import annotations

from contextlib import closing, suppress

import pytest
from containers import docker
from integration.ingest.portal_dataset import SCHEMA
from waiting import wait_for

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.locale import Locale, create_database, read_locale
from plugins.module_utils.reingest.postgres.dsn import Unreachable, connect, with_database

LIKE = "SELECT pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype FROM pg_database"
_TOLD = (
    "the staging server cannot make database other as production has it .*; run it from production's image"
)
FORMS = {
    "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'": ("LATIN1", "c", "C", "C"),
    "ENCODING 'UTF8' LC_COLLATE 'C.utf8' LC_CTYPE 'C'": ("UTF8", "c", "C.utf8", "C"),
}


@pytest.fixture
def live(production, portal):
    """Return ``make(form)``, which makes production's database in that form, with the portal's tables."""

    def make(form):
        production.rows(f"CREATE DATABASE library TEMPLATE template0 {form}")
        production.rows(SCHEMA, "library")

    return make


@pytest.mark.parametrize("form", FORMS)
def test_the_database_is_made_as_production_s(load, live, staging, production, form):
    live(form)
    loaded = load(production_dsn=production.dsn(), first=False)
    assert loaded.get("changed"), loaded.get("msg")
    assert staging.rows(f"{LIKE} WHERE datname = 'library'") == [FORMS[form]]
    names = staging.rows("SELECT name FROM author ORDER BY id", "library")
    assert names == [("Ada",), ("Jane",)]


@pytest.mark.parametrize(
    "locale",
    [
        Locale("UTF8", "c", "xx_XX.utf8", "C"),
        Locale("UTF8", "i", "C", "C", "sv", "&V << w"),
        Locale("X", "c", "C", "C"),
    ],
    ids=["a locale", "a provider", "an encoding"],
)
def test_what_the_staging_server_has_not_is_refused(staging, locale):
    with closing(staging.connect()) as connection:
        with pytest.raises(Refusal, match=_TOLD) as told:
            create_database(connection, "other", locale)
        assert str(locale) in str(told.value)


def test_a_database_of_icu_is_made_the_same(container, postgres):  # Debian's PostgreSQL has ICU
    options = ("-e", "POSTGRES_HOST_AUTH_METHOD=trust", "-p", "127.0.0.1::5432")
    name = container("", *options, image=postgres)
    dsn = f"postgresql://postgres@{docker('port', name, '5432')}/"
    wait_for(lambda: accepts(dsn), "the server answers", seconds=60)
    words = "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.utf8' LOCALE_PROVIDER icu ICU_LOCALE 'sv-SE'"
    with closing(connect(dsn, autocommit=True)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE live TEMPLATE template0 {words}")
        production = read_locale(connection, "live")
        assert (production.provider, production.locale) == ("i", "sv-SE")
        create_database(connection, "made", production)
        assert read_locale(connection, "made") == production
    in_order = {database: ordered(with_database(dsn, database)) for database in ("live", "made", "postgres")}
    assert in_order["made"] == in_order["live"] != in_order["postgres"]


def accepts(dsn):
    with suppress(Unreachable), closing(connect(dsn)):
        return True


def ordered(dsn):
    with closing(connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(x ORDER BY x) FROM unnest('{v,ä,w,z,å,a,W}'::text[]) x")
        return cursor.fetchone()[0]


def test_a_locale_of_icu_is_said_with_its_rules(staging):  # which are of PostgreSQL 16
    with closing(staging.connect()) as connection:
        said = Locale("UTF8", "i", "C", "C", "sv", "&V << w").clauses(160004).as_string(connection)
    assert said == (
        "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' "
        "LOCALE_PROVIDER 'icu' ICU_LOCALE 'sv' ICU_RULES '&V << w'"
    )


def test_a_provider_of_postgresql_s_own_is_made_the_same(server_factory):
    server = server_factory(18)
    made = Locale("UTF8", "b", "C", "C", "C.UTF-8")
    with closing(server.connect()) as connection:
        create_database(connection, "own", made)
        assert read_locale(connection, "own") == made
        assert read_locale(connection, "none") is None


def test_a_load_of_another_locale_is_found(load, live, run_module, portal, staging, production):
    loaded = load()
    assert loaded.get("changed"), loaded.get("msg")
    live("LC_COLLATE 'C.utf8' LC_CTYPE 'C'")
    given = {"dataset": str(portal.dataset), "staging_dsn": staging.dsn(), "production_dsn": production.dsn()}
    found = {one["name"]: one for one in run_module("ingest_verify", **given)["findings"]}
    assert "collate" in found["object:database:library"]["message"]
