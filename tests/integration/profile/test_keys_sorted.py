"""Keys of real servers, in one order whatever their encoding."""

from __future__ import annotations

from psycopg2 import sql

from plugins.module_utils.reingest.profile.keys import merged_keys, sorted_keys

WORDS = ["a", "B", "é", "Ω", "z", "~", "%s", '"', "a,b", "", "ア", "ｱ"]


def keys(connection, *columns):
    return list(
        sorted_keys(
            connection, sql.Identifier("public", "a"), [sql.Identifier("c", name) for name in columns]
        )
    )


def test_keys_come_in_the_order_of_their_characters(database):
    values = ", ".join(f"('{word}')" for word in WORDS)
    connection = database("CREATE TABLE a (id text PRIMARY KEY)", f"INSERT INTO a VALUES {values}")
    assert keys(connection, "id") == sorted(WORDS)


def test_keys_of_a_database_of_another_encoding_come_in_the_same_order(database):
    words = ["ア", "ｱ", "亜", "a", "Ω"]
    values = ", ".join(f"('{word}')" for word in words)
    connection = database(
        "CREATE TABLE a (id text PRIMARY KEY)", f"INSERT INTO a VALUES {values}", encoding="EUC_JP"
    )
    assert keys(connection, "id") == sorted(words)


def test_keys_of_several_columns_are_rows_and_more_than_one_batch_is_read(database):
    connection = database(
        "CREATE TABLE a (x int, y text, PRIMARY KEY (x, y))",
        "INSERT INTO a SELECT i, 'k' FROM generate_series(1, 20000) i",
    )
    found = keys(connection, "x", "y")
    assert (len(found), found[0], found == sorted(found)) == (20_000, "(1,k)", True)
    assert merged_keys(iter(found), iter(found)).both == 20_000


def test_a_session_is_as_before_also_where_its_keys_were_not_all_read(database):
    connection = database("CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1), (2)")
    some = sorted_keys(connection, sql.Identifier("public", "a"), [sql.Identifier("c", "id")])
    assert next(some) == "1"
    some.close()
    assert keys(connection, "id") == ["1", "2"]
