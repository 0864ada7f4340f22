"""What of a load cannot be used as it stands is found by its name, with the remedy."""

from __future__ import annotations

import pytest
from integration.ingest.portal_dataset import SCHEMA

# What is done to the staging database, the finding, its message, and its remedy. What production has in the
# same state is no finding; what is broken always is.
BROKEN = {
    "references that nobody checks": (
        "ALTER TABLE loan DISABLE TRIGGER ALL; ALTER TABLE loan ENABLE TRIGGER stamp",
        "trigger:loan.loan_book_id_fkey", "no row is checked", "ENABLE TRIGGER ALL", True,
    ),
    "a view without rows": (
        "REFRESH MATERIALIZED VIEW m WITH NO DATA",
        "unpopulated:m", "materialised view m is not populated", "views: {m: unpopulated}", False,
    ),
    "an invalid index": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'book_lower'::regclass",
        "index:book_lower", "index book_lower of table book is invalid", "REINDEX INDEX book_lower", False,
    ),
    "an index that a partition lacks": (
        "CREATE INDEX part_n ON ONLY part (n)",
        "index:part_n", "index part_n of table part is invalid", "ATTACH PARTITION", False,
    ),
    "a constraint that is not validated": (
        "ALTER TABLE book ADD CONSTRAINT short CHECK (length(title) < 99) NOT VALID",
        "constraint:book.short", "constraint short of table book is NOT VALID",
        "ALTER TABLE book VALIDATE CONSTRAINT short", True,
    ),
    "a reference that is not validated": (
        "ALTER TABLE loan ADD CONSTRAINT same FOREIGN KEY (book_id) REFERENCES book NOT VALID",
        "constraint:loan.same", "constraint same of table loan is NOT VALID", "VALIDATE CONSTRAINT", True,
    ),
    "a domain's constraint": (
        "ALTER DOMAIN code ADD CONSTRAINT short CHECK (length(VALUE) < 9) NOT VALID",
        "constraint:code.short", "constraint short of domain code is NOT VALID",
        "ALTER DOMAIN code VALIDATE CONSTRAINT short", True,
    ),
    "a disabled trigger": (
        "ALTER TABLE loan DISABLE TRIGGER stamp",
        "trigger:loan.stamp", "trigger stamp of table loan is disabled", "ENABLE TRIGGER stamp", True,
    ),
    "a disabled trigger of a partitioned table": (
        "ALTER TABLE part DISABLE TRIGGER stamp",
        "trigger:part.stamp", "trigger stamp of table part is disabled", "ENABLE TRIGGER stamp", True,
    ),
    "an unlogged table": (
        "ALTER TABLE loan SET UNLOGGED",
        "unlogged:loan", "the first crash would empty it", "ALTER TABLE loan SET LOGGED", True,
    ),
    "a collation of another version under an index": (
        "UPDATE pg_collation SET collversion = '1' WHERE collname = 'sorted'",
        "collation:sorted", "collation sorted is of version 1, the server has ",
        "ALTER COLLATION sorted REFRESH VERSION", False,
    ),
    "a database of another version of its collation": (
        "UPDATE pg_database SET datcollversion = '1' WHERE datname = 'library'",
        "collation:default", "database library was made by version 1 of its collation",
        "ALTER DATABASE library REFRESH COLLATION VERSION", False,
    ),
}  # fmt: skip
MORE = """
CREATE COLLATION sorted (provider = libc, locale = 'C');
CREATE INDEX book_sorted ON book (title COLLATE sorted);
CREATE COLLATION unused (provider = libc, locale = 'C');
CREATE MATERIALIZED VIEW m AS TABLE book;
CREATE DOMAIN code AS text;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER stamp BEFORE INSERT ON loan FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE part (n int) PARTITION BY RANGE (n);
CREATE TABLE part1 PARTITION OF part DEFAULT;
CREATE TRIGGER stamp BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION stamp();
"""


@pytest.fixture
def verify(run_module, load, portal, staging, production):
    """Load a sound portal into both servers; returns ``verify(**params)``."""
    portal.schema(SCHEMA + MORE)
    portal.change("checks:", "  part: {owner: schema}\nchecks:")
    for server in (staging, production):
        made = load(staging_dsn=server.dsn())
        assert made.get("changed"), made.get("msg")

    def run(**params):
        given = {"staging_dsn": staging.dsn(), "production_dsn": production.dsn()}
        return run_module("ingest_verify", **{"dataset": str(portal.dataset), **given, **params})

    return run


def found(result):
    return {finding["name"]: finding for finding in result["findings"]}


def test_each_is_found_with_its_remedy_and_accepted_by_its_name(verify, staging, production):
    assert verify()["findings"] == []
    for statement, *_ in BROKEN.values():
        staging.rows(statement, "library")
    names = {name for _, name, *_ in BROKEN.values()}
    first = found(verify(production_dsn="", first=True))
    beside = found(verify())
    assert (set(first), set(beside)) == (names, names)
    for kind, (_, name, message, remedy, _) in BROKEN.items():
        assert message in beside[name]["message"], kind
        assert remedy in beside[name]["remedy"], kind
    assert verify(accept=sorted(names - {"index:part_n"}))["failed"]
    assert not verify(accept=sorted(names)).get("failed")
    for statement, *_ in BROKEN.values():
        production.rows(statement, "library")
    assert set(found(verify())) == {name for _, name, _, _, decided in BROKEN.values() if not decided}


def test_a_collation_that_no_index_uses_is_none(verify, staging):
    staging.rows("UPDATE pg_collation SET collversion = '1' WHERE collname = 'unused'", "library")
    assert verify()["findings"] == []


def test_a_view_that_is_declared_unpopulated_is_none(verify, portal, staging):
    staging.rows("REFRESH MATERIALIZED VIEW m WITH NO DATA", "library")
    portal.change("tables:", "views: {m: unpopulated}\ntables:")
    assert verify()["findings"] == []
