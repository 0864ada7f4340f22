"""The verification beside production: users' rows that the switch carries, schema's rows that were edited."""

from __future__ import annotations

import pytest
from integration.ingest.portal_dataset import SCHEMA

SETTINGS = """
CREATE TABLE setting (name text PRIMARY KEY, value text);
INSERT INTO setting VALUES ('a', '1'), ('b', NULL);
"""


@pytest.fixture
def both(load, portal, staging, production):
    """Return ``load()``, which loads the portal into both servers."""

    def run():
        for server in (production, staging):
            result = load(staging_dsn=server.dsn())
            assert result.get("changed"), result.get("msg")

    return run


@pytest.fixture
def verify(run_module, portal, staging, production):
    def run(**params):
        servers = {"staging_dsn": staging.dsn(), "production_dsn": production.dsn()}
        return run_module("ingest_verify", **{**servers, "dataset": str(portal.dataset), **params})

    return run


@pytest.fixture
def told(verify):
    """Return what a verification without findings tells of the rows in the table of loans."""

    def run():
        result = verify()
        assert result["findings"] == []
        assert [rows["table"] for rows in result["portal_rows"]] == ["loan"]
        sentence = result["portal_rows"][0]["told"]
        assert sentence == "" or sentence in result["step"]["did"]
        assert "loan" not in str(result.get("warnings", ""))
        return sentence

    return run


def add_loans(server, first, last):
    numbers = "SELECT n, 7 FROM generate_series(%(a)s, %(b)s) n"
    insert = f"INSERT INTO loan (id, book_id) OVERRIDING SYSTEM VALUE {numbers}"
    server.rows(insert, "library", a=first, b=last)


def test_rows_of_users_are_no_findings_whether_the_load_has_them_or_not(both, told, staging, production):
    both()
    assert told() == ""
    add_loans(production, 1, 20)
    assert told() == "loan: 20 of 20 are missing from the load, the switch carries them"
    add_loans(staging, 1, 12)
    assert told() == "loan: 8 of 20 are missing from the load, for example 13, the switch carries them"
    add_loans(staging, 13, 20)
    assert told() == "loan: 20 of 20 rows are in the load already"
    add_loans(staging, 100, 101)
    assert told() == (
        "loan: 20 of 20 rows are in the load already; 2 rows that only the load has are replaced"
    )


def test_more_rows_than_a_batch_are_compared_in_the_order_of_their_texts(both, told, staging, production):
    both()
    add_loans(production, 1, 25_000)
    add_loans(staging, 2, 25_000)
    assert told() == "loan: 1 of 25000 are missing from the load, for example 1, the switch carries them"


def test_rows_without_a_primary_key_are_counted(both, told, portal, staging, production):
    portal.schema(
        SCHEMA.replace("id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n    book_id", "book_id")
    )
    both()
    for server in (production, staging):
        server.rows("INSERT INTO loan (book_id) VALUES (7)", "library")
    assert told() == "loan: 1 rows, which the switch carries (no primary key to compare with the load's)"


def test_the_results_name_the_database_and_whether_users_write_to_it(both, verify, load, portal):
    both()
    assert (verify()["database"], verify()["portal"]) == ("library", True)
    loaded = load(force=True)
    assert (loaded["database"], loaded["portal"]) == ("library", True)
    portal.change("loan: {owner: portal}", "loan: {owner: schema}")
    assert load()["portal"] is False


def test_large_objects_that_the_switch_carries_are_no_findings(both, verify, portal, production):
    portal.schema(f"{SCHEMA} CREATE TABLE scan (id int PRIMARY KEY, picture oid);")
    portal.change("checks:", "  scan: {owner: portal, oids: {picture: large object}}\nchecks:")
    both()
    production.rows("INSERT INTO scan VALUES (1, lo_create(0))", "library")
    assert verify()["findings"] == []


def test_what_cannot_take_the_users_rows_is_found_also_when_production_changed_during_the_load(
    both, verify, production
):
    both()
    production.rows("ALTER TABLE loan ADD until date; CREATE TABLE loan_2025 () INHERITS (loan)", "library")
    production.rows("ALTER TABLE loan_2025 ADD shelf text; SELECT lo_create(0)", "library")
    result = verify()
    names = [finding["name"] for finding in result["findings"]]
    assert names == ["schema:loan", "schema:loan", "schema:loan", "schema:pg_largeobject"]
    assert "table loan_2025, column shelf: it is in production (text)" in result["msg"]
    production.rows("SELECT lo_unlink(oid) FROM pg_largeobject_metadata; DROP TABLE loan_2025", "library")
    production.rows("ALTER TABLE loan DROP until; CREATE TABLE loan_2026 () INHERITS (loan)", "library")
    assert verify()["findings"] == []  # its rows go into the table that it inherits from


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (
            "UPDATE setting SET value = '' WHERE name = 'b'",
            "it has 2 rows, as production, with other contents",
        ),
        ("DELETE FROM setting WHERE name = 'b'", "it has 2 rows where production has 1"),
        (
            "UPDATE setting SET name = value, value = name WHERE name = 'a'",
            "it has 2 rows, as production, with other contents",
        ),
    ],
    ids=["NULL and empty", "fewer", "columns exchanged"],
)
def test_a_schema_owned_table_that_was_edited_is_a_finding_accepted_by_name(
    both, verify, portal, production, edit, expected
):
    portal.schema(SCHEMA + SETTINGS)
    portal.change("checks:", "  setting: {owner: schema}\nchecks:")
    both()
    assert verify()["findings"] == []
    production.rows(edit, "library")
    result = verify()
    assert [finding["name"] for finding in result["findings"]] == ["schema:setting"]
    assert f"table setting is schema-owned and was changed: {expected}" in result["msg"]
    assert not verify(accept=["schema:setting"]).get("failed")


def test_the_order_of_rows_and_the_settings_of_a_server_are_no_difference(both, verify, portal, production):
    table = "CREATE TABLE term (at timestamptz, span interval, size float8, data bytea);"
    first, second = "('infinity', '-1 day 2:00', 0.1, 'x')", "('0044-03-15 12:00 BC', '1 year', 1e22, 'y')"
    portal.schema(f"{SCHEMA} {table} INSERT INTO term VALUES {first}, {second};")
    portal.change("checks:", "  term: {owner: schema}\nchecks:")
    both()
    production.rows("CREATE TABLE sorted AS SELECT * FROM term ORDER BY at; TRUNCATE term", "library")
    production.rows("INSERT INTO term SELECT * FROM sorted; DROP TABLE sorted", "library")
    for setting in (
        "datestyle = 'SQL, DMY'", "intervalstyle = 'iso_8601'", "timezone = 'Asia/Tokyo'",
        "extra_float_digits = 0", "bytea_output = 'escape'",
    ):  # fmt: skip
        production.rows(f"ALTER DATABASE library SET {setting}")
    assert verify()["findings"] == []


def test_rows_that_row_security_hides_are_not_taken_for_missing(both, verify, production):
    both()
    add_loans(production, 1, 2)
    production.rows("CREATE ROLE reader LOGIN PASSWORD 'only-for-tests'")
    production.rows("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", "library")
    production.rows("ALTER TABLE loan ENABLE ROW LEVEL SECURITY", "library")
    try:
        message = verify(production_dsn=production.dsn().replace("postgres:", "reader:", 1))["msg"]
    finally:
        production.rows("DROP OWNED BY reader", "library")
        production.rows("DROP ROLE reader")
    assert "table loan cannot be compared with production's: query would be affected by row-level" in message
    assert "verify with logins that may read all rows" in message
