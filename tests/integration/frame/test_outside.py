"""What a new system identifier breaks outside of the server, named before the load."""

from __future__ import annotations

import contextlib

import psycopg2
import pytest
from psycopg2.extras import PhysicalReplicationConnection
from waiting import wait_for

HOOK = "/srv/portal/after_promote.yml"


@pytest.fixture(scope="module")
def production(server_factory, major):
    server = server_factory(major)
    server.rows("ALTER SYSTEM SET max_prepared_transactions = 5")
    server.stop()
    server.start()
    return server


@contextlib.contextmanager
def following(production):
    """Be a standby of production."""
    standby = psycopg2.connect(
        production.dsn(), connection_factory=PhysicalReplicationConnection, application_name="replica_1"
    )
    try:
        with standby.cursor() as cursor:
            cursor.start_replication(start_lsn=production.rows("SELECT pg_current_wal_lsn()::text")[0][0])
            wait_for(
                lambda: production.rows(
                    "SELECT 1 FROM pg_stat_replication WHERE application_name = 'replica_1'"
                ),
                "the standby is connected",
            )
            yield
    finally:
        standby.close()
        wait_for(lambda: not production.rows("SELECT 1 FROM pg_stat_replication"), "the standby is gone")


@contextlib.contextmanager
def slot(production):
    production.rows("SELECT pg_create_physical_replication_slot('backup_slot')")
    try:
        yield
    finally:
        production.rows("SELECT pg_drop_replication_slot('backup_slot')")


@contextlib.contextmanager
def subscription(production):
    production.rows(
        "CREATE SUBSCRIPTION papers CONNECTION 'host=nowhere password=hidden' PUBLICATION p"
        " WITH (connect = false, slot_name = NONE)",
        "library",
    )
    try:
        yield
    finally:
        production.rows("DROP SUBSCRIPTION papers", "library")


@contextlib.contextmanager
def setting(production, name, value):
    """Have production run with a setting."""

    def restarted(statement):
        production.rows(statement)
        production.stop()
        production.start()

    restarted(f"ALTER SYSTEM SET {name} = '{value}'")
    try:
        yield
    finally:
        restarted(f"ALTER SYSTEM RESET {name}")


@contextlib.contextmanager
def archiving(production):
    with (
        setting(production, "archive_command", "cp %p /nowhere/secret-place"),
        setting(production, "archive_mode", "on"),
    ):
        yield


def synchronous(production):
    return setting(production, "synchronous_standby_names", "replica_9")


CASES = {
    "standby": (following, "standby", "production sends its WAL to replica_1 from 127.0.0.1 as postgres"),
    "slot": (slot, "slot:backup_slot", "the physical replication slot backup_slot (not in use)"),
    "subscription": (subscription, "subscription:library.papers", "has the subscription papers (disabled)"),
    "archiving": (archiving, "archiving", "archive_mode = on, an archive_command"),
    "synchronous": (synchronous, "synchronous_standby_names", "synchronous_standby_names = replica_9"),
}


@pytest.mark.parametrize(("there", "name", "said"), CASES.values(), ids=CASES)
def test_it_stops_a_load_unless_it_is_accepted_and_a_hook_is_declared(
    load, verify, portal, production, there, name, said
):
    with there(production):
        refused = load()
        assert refused["failed"]
        assert f"- {name}: " in refused["msg"]
        assert said in refused["msg"]
        assert "reingest_after_promote" in refused["msg"]
        assert "hidden" not in refused["msg"]
        assert "secret-place" not in refused["msg"]
        assert load(accept=[name])["failed"], "without a hook"
        assert load(after_promote=HOOK)["failed"], "without its name"
        loaded = load(accept=[name, "shrink:of_the_verification"], after_promote=HOOK)
        assert loaded.get("changed"), loaded.get("msg")
        assert any(str(warning).count(f"accepted: {name}: ") for warning in loaded["warnings"])
        assert not any("of_the_verification" in str(warning) for warning in loaded["warnings"])
        assert name in [finding["name"] for finding in verify(accept=[name])["findings"]]
        assert f"- {name}: " in verify(accept=[name])["msg"]
        assert not verify(accept=[name], after_promote=HOOK).get("failed")


def test_a_prepared_transaction_is_named_and_no_one_can_accept_it(load, production):
    session = production.connect("library")
    try:
        with session.cursor() as cursor:
            cursor.execute("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'booking 7'")
        refused = load(accept=["prepared"], after_promote=HOOK)
        assert "'booking 7' of postgres in database library, prepared 2" in refused["msg"]
        assert "ago" in refused["msg"]
        assert "COMMIT PREPARED or ROLLBACK PREPARED" in refused["msg"]
        assert "accept" not in refused["msg"]
    finally:
        session.close()
        production.rows("ROLLBACK PREPARED 'booking 7'", "library")


def test_a_staging_server_that_archives_where_production_does_is_named(load, verify, production, staging):
    accept = {"accept": ["archiving"], "after_promote": HOOK}
    with archiving(production):
        with (
            setting(staging, "archive_command", "cp %p /elsewhere/%f"),
            setting(staging, "archive_mode", "on"),
        ):
            loaded = load(**accept)
            assert loaded.get("changed"), loaded.get("msg")
        with archiving(staging):
            refused = load(**accept, force=True)
            assert (
                "- staging_archive: the staging server archives its WAL as production does" in refused["msg"]
            )
            assert "start the staging server with archive_mode = off" in refused["msg"]
            assert "secret-place" not in refused["msg"]
            assert "- staging_archive: " in verify(**accept)["msg"]
            accept["accept"].append("staging_archive")
            assert not verify(**accept).get("failed")


def test_an_archiver_that_has_no_command_archives_nothing(load, production):
    with setting(production, "archive_mode", "on"):
        loaded = load()
        assert loaded.get("changed"), loaded.get("msg")
