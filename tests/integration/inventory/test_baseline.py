"""What a load writes down of itself for the next one."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.inventory.baseline import read_baseline, write_baseline
from plugins.module_utils.reingest.inventory.compare import compare
from plugins.module_utils.reingest.inventory.read import read_inventory


def test_what_is_read_again_is_what_was_written_down(database):
    connection = database("kept", "CREATE SCHEMA reingest; CREATE TABLE a (id int); CREATE VIEW v AS TABLE a")
    inventory = read_inventory(connection)
    write_baseline(connection, inventory)
    connection.commit()
    again = read_inventory(connection)
    kept = read_baseline(connection, again.major)
    assert compare(again, again, kept) == ()
    assert {key: item.facts for key, item in kept.items.items()} == {
        key: item.facts for key, item in again.items.items()
    }


def test_the_value_of_a_setting_is_not_written_down(server, database):
    connection = database("kept", "CREATE SCHEMA reingest")
    server.rows("ALTER DATABASE kept SET app.jwt_secret = 'dontkeep'")
    write_baseline(connection, read_inventory(connection))
    with connection.cursor() as cursor:
        cursor.execute("SELECT facts::text FROM reingest.inventory WHERE identity = 'app.jwt_secret'")
        ((facts,),) = cursor.fetchall()
    assert "dontkeep" not in facts


def test_what_another_major_wrote_down_is_none(database):
    connection = database("kept", "CREATE SCHEMA reingest")
    assert read_baseline(connection, 16) == "it was not loaded by this version of reingest"
    inventory = read_inventory(connection)
    write_baseline(connection, inventory)
    assert read_baseline(connection, inventory.major + 1) == "it was written down by another version"


@pytest.mark.attack
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE reingest.inventory SET facts = '[1]'",
        "UPDATE reingest.inventory SET facts = '\"x\"'",
        "ALTER TABLE reingest.inventory RENAME facts TO others",
        "DROP TABLE reingest.inventory",
    ],
)
def test_what_something_else_wrote_there_is_none(database, change):
    connection = database("kept", "CREATE SCHEMA reingest")
    inventory = read_inventory(connection)
    write_baseline(connection, inventory)
    with connection.cursor() as cursor:
        cursor.execute(change)
    told = "reingest.inventory is not what a load wrote"
    assert read_baseline(connection, inventory.major) == told


def test_a_catalogue_that_nobody_knows_yet_is_read_by_its_rows(server, database):
    connection = database("kept")
    with connection.cursor() as cursor:
        cursor.execute("SET allow_system_table_mods = on")
        cursor.execute("CREATE TABLE pg_catalog.pg_novelty (oid oid PRIMARY KEY, novname name, novkind int)")
        cursor.execute("INSERT INTO pg_catalog.pg_novelty VALUES (20000, 'new', 1)")
    before = read_inventory(connection)
    assert before.items["novelty", "new"].facts == {"name": "new", "kind": 1}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_catalog.pg_novelty SET novkind = 2")
    names = [one.name for one in compare(read_inventory(connection), before, before)]
    assert names == ["object:novelty:new"]


def test_objects_of_extensions_and_of_sessions_and_our_own_are_not_listed(database):
    connection = database("kept", "CREATE SCHEMA reingest; CREATE TABLE reingest.load (id int PRIMARY KEY)")
    before = read_inventory(connection)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE mine (id int PRIMARY KEY, t text)")
        cursor.execute("CREATE TABLE public.ours (id int); DROP TABLE public.ours")
    after = read_inventory(connection)
    assert compare(after, before, before) == ()
    assert not any("reingest" in identity or "plpgsql_call" in identity for _, identity in after.items)
