"""The backend's own login against a real server: only the new snapshot, readable by its role, passes."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pytest

from plugins.module_utils.reingest.dataset.model import Dataset, Table
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.provenance import TableCount, begin_record, finish_record
from plugins.module_utils.reingest.services.served import Expected, Login, prove_served

NEW, OLD = "20261123T114500Z", "20261101T080000Z"
PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def server(server_factory):
    made = server_factory()
    for role in ("reader LOGIN", "visitor LOGIN", "locked NOLOGIN"):
        made.rows(f"CREATE ROLE {role} PASSWORD '{PASSWORD}'")
    return made


@pytest.fixture
def database(server):
    """Return the server with a database ``portal`` that holds the load ``NEW``; ``reader`` may read it."""
    server.rows("DROP DATABASE IF EXISTS portal WITH (FORCE)")
    server.rows("CREATE DATABASE portal")
    for statement in (
        "CREATE TABLE study (id int)",
        "INSERT INTO study VALUES (1)",
        "CREATE TABLE download (id int)",
        'CREATE SCHEMA "Odd.One"',
        'CREATE TABLE "Odd.One"."Tab""le" (id int, secret text)',
        """INSERT INTO "Odd.One"."Tab""le" VALUES (1, 'x'), (2, 'y')""",
        "GRANT SELECT ON study TO reader",
    ):
        server.rows(statement, "portal")
    with closing(psycopg2.connect(server.dsn("portal"))) as connection:
        begin_record(connection, snapshot=NEW, release="r1", digest="d", run="run", operator="somebody")
        counts = {
            "study": TableCount("source", 1, 1, 0, 0),
            'Odd.One.Tab"le': TableCount("source", 2, 2, 0, 0),
            "download": TableCount("portal", 0, 0, 0, 0),
        }
        tables = tuple(Table(name, count.owner) for name, count in counts.items())
        nowhere = Path()
        dataset = Dataset(nowhere, "portal", nowhere, nowhere, "r1", tables, (), ())
        finish_record(connection, dataset, counts, [])
        connection.commit()
    return server


def login(server, role="reader", database="portal", password=PASSWORD):
    return Login(f"postgresql://{role}:{password}@127.0.0.1:{server.port}/{database}")


def refusal(server, expected=None, *, timeout=0.5, at_once=False, **who):
    """Return why it is refused, without the password; ``at_once``: it must not wait for the time to pass."""
    with pytest.raises(Refusal) as told:
        prove_served(login(server, **who), expected or Expected(NEW), timeout=20 if at_once else timeout)
    assert (" after " in str(told.value)) is not at_once
    assert PASSWORD not in str(told.value)
    return str(told.value)


def test_a_role_that_reads_the_new_snapshot_passes(database):
    prove_served(login(database), Expected(NEW), timeout=0)


def test_the_old_snapshot_does_not_pass(database):
    told = refusal(database, Expected(OLD))
    assert f"does not read {OLD} after 0 s: the database that answers holds {NEW}" in told


def test_a_database_that_no_load_made_does_not_pass(database):
    assert "it has no table reingest.load" in refusal(database, database="postgres")


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ({"role": "locked"}, 'role "locked" is not permitted to log in'),
        ({"role": "nobody"}, "password authentication failed"),
        ({"password": "another"}, "password authentication failed"),
        ({"database": "gone"}, 'database "gone" does not exist'),
    ],
)
def test_who_is_not_let_in_is_refused_at_once(database, who, reason):
    assert reason in refusal(database, at_once=True, **who)


def test_a_role_that_may_not_connect_to_the_database_is_refused_at_once(database):
    database.rows("REVOKE CONNECT ON DATABASE portal FROM PUBLIC")
    assert 'permission denied for database "portal"' in refusal(database, at_once=True)


def test_a_role_that_may_read_no_table_is_refused_at_once(database):
    told = refusal(database, at_once=True, role="visitor")
    assert "role visitor may read no source-owned table with rows" in told


def test_a_role_that_may_not_use_the_schema_may_not_read(database):
    database.rows("REVOKE SELECT ON study FROM reader", "portal")
    database.rows('GRANT SELECT ON "Odd.One"."Tab""le" TO reader', "portal")
    assert "may read no source-owned table" in refusal(database, at_once=True)
    database.rows('GRANT USAGE ON SCHEMA "Odd.One" TO reader', "portal")
    prove_served(login(database), Expected(NEW), timeout=0)


def test_a_role_that_may_read_one_column_reads(database):
    database.rows("REVOKE SELECT ON study FROM reader", "portal")
    database.rows('GRANT USAGE ON SCHEMA "Odd.One" TO reader', "portal")
    database.rows('GRANT SELECT (id) ON "Odd.One"."Tab""le" TO reader', "portal")
    prove_served(login(database), Expected(NEW), timeout=0)


def test_a_table_that_lost_its_rows_is_refused(database):
    database.rows("TRUNCATE study", "portal")
    told = refusal(database, at_once=True)
    assert "table public.study has no row for role reader, and the load put 1 into it" in told


def test_rows_that_a_policy_hides_are_none_for_the_backend(database):
    database.rows("ALTER TABLE study ENABLE ROW LEVEL SECURITY", "portal")
    assert "table public.study has no row for role reader" in refusal(database, at_once=True)


def test_a_load_without_a_row_in_a_source_owned_table_proves_nothing(database):
    database.rows("UPDATE reingest.load_table SET loaded = 0", "portal")
    assert "the database has no source-owned table with rows" in refusal(database, at_once=True)


def test_a_table_that_is_locked_for_a_moment_is_waited_for(database):
    connection = database.connect("portal")
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE study")
        waiting = threading.Thread(target=prove, args=(database, result := []))
        waiting.start()
        blocked = (
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = 'reader' AND wait_event_type = 'Lock'"
        )
        while not database.rows(blocked)[0][0]:
            assert waiting.is_alive()
        cursor.execute("COMMIT")
        waiting.join()
    assert result == ["passed"]


def prove(server, result):
    with suppress(Refusal):
        prove_served(login(server), Expected(NEW), timeout=60)
        result.append("passed")


def test_a_server_that_does_not_answer_is_waited_for_and_then_refused(database):
    database.stop()
    try:
        told = refusal(database, timeout=0.3)
    finally:
        database.start()
    assert "after 0 s: no PostgreSQL answers" in told


class TestAnAdoptedSnapshot:
    """Its database holds no id: the cluster is told by its system identifier."""

    def test_the_server_on_productions_directory_passes(self, database):
        database.rows("DROP SCHEMA reingest CASCADE", "portal")
        prove_served(login(database), Expected("adopted", loaded=False, data=database.data), timeout=0)

    def test_another_server_does_not(self, database, server_factory):
        other = server_factory()
        told = refusal(database, Expected("adopted", loaded=False, data=other.data))
        assert "the server that answers has system identifier" in told
        other.stop()

    def test_one_without_a_row_to_read_does_not(self, database):
        database.rows("TRUNCATE study", "portal")
        told = refusal(database, Expected("adopted", loaded=False, data=database.data), at_once=True)
        assert "no table that role reader may read has a row" in told
