"""Who owns which table: what is forgotten, and what cannot take the users' rows, stops the load before it."""

from __future__ import annotations

import json

import pytest
from integration.ingest.portal_dataset import SCHEMA

LOAN = SCHEMA[SCHEMA.index("CREATE TABLE loan") : SCHEMA.index("ALTER TABLE author")]


@pytest.fixture
def live(load, production):
    """Load the portal into production; returns ``change(statement)``, as the portal might change it."""
    result = load(staging_dsn=production.dsn())
    assert result.get("changed"), result.get("msg")
    return lambda statement: production.rows(statement, "library")


@pytest.fixture
def against(load, production):
    """Return the result of a load beside production."""
    return lambda **params: load(production_dsn=production.dsn(), first=False, force=True, **params)


@pytest.fixture
def refused(against, staging):
    """Return the message of a load beside production that must be refused before it changes anything."""

    def run(**params):
        result = against(**params)
        assert result.get("failed"), result
        assert not staging.rows("SELECT 1 FROM pg_database WHERE datname = 'library'")
        return result["msg"]

    return run


@pytest.fixture
def loan(portal):
    """Return ``change(old, new)``, which changes the table of loans in the schema only."""

    def change(old, new):
        assert old in LOAN
        portal.schema(SCHEMA.replace(LOAN, LOAN.replace(old, new)))

    return change


def test_all_tables_without_an_owner_are_named_at_once_with_lines_that_work(live, refused, against, portal):
    odd = 'CREATE TABLE "Users\' ""own""" (n int); CREATE SCHEMA audit; CREATE TABLE audit.event (n int);'
    live(odd)
    portal.schema(f"{SCHEMA} {odd} CREATE TABLE version (v text); INSERT INTO version VALUES ('4');")
    message = refused()
    assert 'tables Users\' "own", audit.event, version have no owner in ' in message
    lines = [line for line in message.splitlines() if line.startswith("  ")]
    assert [line.split("  #")[0] for line in lines] == [
        '  "Users\' \\"own\\"": {owner: portal}',
        "  audit.event: {owner: portal}",
        "  version: {owner: schema}",
    ]
    portal.change("tables:\n", "tables:\n" + "\n".join(lines) + "\n")
    tables = against()["tables"]
    assert {name: tables[name]["owner"] for name in ('Users\' "own"', "audit.event", "version")} == {
        'Users\' "own"': "portal",
        "audit.event": "portal",
        "version": "schema",
    }


def test_a_table_that_only_production_has_is_told_what_else_it_needs(live, refused, portal):
    live("CREATE TABLE forgotten (n int)")
    message = refused()
    assert "table forgotten has no owner" in message
    assert "production has it, the schema does not: add it there, or drop it in production" in message
    portal.change("tables:\n", "tables:\n  forgotten: {owner: portal}\n")
    message = refused()
    assert "table forgotten is portal-owned and in production, and the schema makes no such table" in message


def test_a_parent_of_users_rows_that_the_schema_dropped_is_named_until_production_drops_it_too(
    live, refused, against, portal
):
    live("""
        CREATE TABLE reader (name text PRIMARY KEY); INSERT INTO reader VALUES ('ada');
        ALTER TABLE loan ADD FOREIGN KEY (reader) REFERENCES reader;
        INSERT INTO loan (book_id, reader) VALUES (7, 'ada')
    """)
    assert "table reader has no owner" in refused()
    portal.change("tables:\n", "tables:\n  reader: {owner: source}\n")
    assert "reader" in refused()
    portal.change("  reader: {owner: source}\n", "")
    live("DROP TABLE reader CASCADE")
    assert against()["changed"]


def test_a_staging_server_that_is_stopped_does_not_hide_a_forgotten_table(live, against):
    live("CREATE TABLE forgotten (n int)")
    result = against(check=True, staging_dsn="postgresql://postgres:x@127.0.0.1:1/postgres")
    assert "table forgotten has no owner" in result["msg"]


def test_views_sequences_partitions_and_children_need_no_owner(live, against, portal):
    more = """
        CREATE TABLE visit (at date NOT NULL, page text) PARTITION BY RANGE (at);
        CREATE TABLE visit_2025 PARTITION OF visit FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        CREATE TABLE note (id integer PRIMARY KEY, text text);
        CREATE TABLE note_2025 (CHECK (id < 100)) INHERITS (note);
        CREATE SEQUENCE ticket; CREATE VIEW readers AS SELECT reader FROM loan;
        CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM loan;"""
    live(more)
    live("CREATE TABLE note_2026 () INHERITS (note)")
    portal.schema(SCHEMA + more)
    portal.change("checks:", "  visit: {owner: portal}\n  note: {owner: portal}\nchecks:")
    result = against()
    assert result.get("changed"), result.get("msg")
    assert list(result["tables"]) == ["author", "book", "loan", "visit", "note"]


def test_a_child_with_another_owner_than_its_table_is_refused(live, refused, against, portal):
    more = "CREATE TABLE note (id integer); CREATE TABLE note_2025 () INHERITS (note);"
    live(more)
    portal.schema(SCHEMA + more)
    portal.change("checks:", "  note: {owner: portal}\n  note_2025: {owner: schema}\nchecks:")
    message = refused()
    assert "table note_2025 inherits from note (portal), and its own owner is schema" in message
    portal.change("note_2025: {owner: schema}", "note_2025: {owner: portal}")
    assert against()["changed"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "    reader text",
            "    patron text",
            "column reader: it is in production (text), and not in the schema: its values would be lost",
        ),
        (
            "    reader text",
            "    reader text, branch text NOT NULL",
            "column branch: it is new (text NOT NULL, not there in production) and has no default",
        ),
        (
            "    reader text",
            "    reader varchar(20)",
            "column reader: text in production, character varying(20) in the schema: character varying(20) "
            "does not take every value of text as it is; keep production's form in the schema, or migrate",
        ),
        (
            "    reader text",
            "    reader text GENERATED ALWAYS AS ('nobody') STORED",
            "column reader: only the schema computes its values",
        ),
    ],
    ids=["renamed", "new NOT NULL", "narrower", "generated"],
)
def test_a_portal_owned_table_that_cannot_take_its_rows_is_refused(live, refused, loan, old, new, expected):
    loan(old, new)
    assert f"table loan, {expected}" in refused()


def test_columns_that_are_wider_or_new_with_a_value_take_the_rows(live, against, loan):
    live("ALTER TABLE loan ALTER reader TYPE varchar(20)")
    loan("    reader text", "    reader varchar(30), branch text NOT NULL DEFAULT 'main', note text")
    result = against()
    assert result.get("changed"), result.get("msg")


def test_an_enum_that_lost_a_value_is_refused_by_its_name(live, refused, against, portal):
    table = "CREATE TABLE rating (id integer PRIMARY KEY, moods mood[]);"
    live(f"CREATE TYPE mood AS ENUM ('good', 'bad', 'so so'); {table}")
    portal.change("checks:", "  rating: {owner: portal}\nchecks:")
    portal.schema(f"CREATE TYPE mood AS ENUM ('good', 'bad'); {SCHEMA} {table}")
    message = refused()
    assert "table rating, column moods: mood[] in production, mood[] in the schema: " in message
    assert "the schema's mood lacks 'so so'" in message
    portal.schema(f"CREATE TYPE mood AS ENUM ('good', 'bad', 'so so', 'new'); {SCHEMA} {table}")
    assert against()["changed"]


def test_what_the_schema_newly_demands_is_judged_by_productions_rows(live, refused, against, loan):
    live("INSERT INTO loan (book_id, reader) VALUES (7, 'Ada'), (9, NULL), (9, 'Ada')")
    loan("    reader text", "    reader text NOT NULL UNIQUE CHECK (reader <> 'Ada'), n int CHECK (n > 0)")
    message = refused()
    assert message.startswith("3 things stand against the load:\n- ")
    assert "demands a value of column reader (NOT NULL), and 1 rows of production do not meet it" in message
    assert "CHECK (reader <> 'Ada'::text) (loan_reader_check), and 2 rows" in message
    assert "unique (reader) (loan_reader_key), and 2 rows" in message
    live("DELETE FROM loan WHERE reader IS NULL OR id = 1; UPDATE loan SET reader = 'Jane'")
    assert against()["changed"]


def test_a_demand_that_production_cannot_judge_is_refused(live, refused, portal):
    live("INSERT INTO loan (book_id) VALUES (7)")
    function = "CREATE FUNCTION fine(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';"
    portal.schema(f"{function} {SCHEMA} ALTER TABLE loan ADD CHECK (fine(reader));")
    assert (
        "that cannot be asked of production's rows (function public.fine(text) does not exist)" in refused()
    )


def test_rows_without_a_partition_in_the_schema_are_refused(live, refused, against, portal):
    table = "CREATE TABLE visit (at date NOT NULL) PARTITION BY RANGE (at);"
    of = "CREATE TABLE visit_{0} PARTITION OF visit FOR VALUES FROM ('{0}-01-01') TO ('{1}-01-01');"
    live(f"{table} {of.format(2025, 2026)} {of.format(2026, 2027)} INSERT INTO visit VALUES ('2026-05-05')")
    portal.change("checks:", "  visit: {owner: portal}\nchecks:")
    portal.schema(f"{SCHEMA} {table} {of.format(2025, 2026)}")
    assert "demands a partition for each row, and 1 rows" in refused()
    portal.schema(f"{SCHEMA} {table} {of.format(2024, 2028)}")
    assert against()["changed"]


def test_all_that_is_wrong_is_told_at_once(live, refused, loan):
    live("CREATE TABLE forgotten (n int); ALTER TABLE loan ADD until date")
    loan("    reader text", "    reader integer, branch text NOT NULL")
    message = refused()
    assert message.startswith("4 things stand against the load:\n- ")
    for part in ("table forgotten has no owner", "column until", "column reader", "column branch"):
        assert part in message


def test_columns_of_oids_that_nobody_explained_are_refused_with_a_line_that_works(
    live, refused, against, portal, staging
):
    table = """CREATE DOMAIN lo AS oid;
        CREATE TABLE scan (id int, picture oid, lo lo, "on" oid[], number oid);
        CREATE TABLE scan_2025 () INHERITS (scan);"""
    live(table + "SELECT lo_create(0)")
    portal.schema(f"{SCHEMA} {table}")
    portal.change("checks:", "  scan: {owner: portal, orphans: fail, oids: {number: number}}\nchecks:")
    message = refused()
    assert "columns picture (oid), lo (lo), on (oid[]) hold OIDs, and " in message
    [line] = [line for line in message.splitlines() if line.startswith("  scan")]
    assert line == (
        "  scan: {owner: portal, orphans: fail, oids: "
        '{picture: large object, lo: large object, "on": number, number: number}}'
    )
    portal.change("  scan: {owner: portal, orphans: fail, oids: {number: number}}", line)
    result = against()
    assert result.get("changed"), result.get("msg")
    written = staging.rows("SELECT oids FROM reingest.load_table WHERE name = 'scan'", "library")
    assert written == [
        ({"picture": "large object", "lo": "large object", "on": "number", "number": "number"},)
    ]


@pytest.mark.parametrize(
    ("column", "said", "told"),
    [
        ("pictures oid[]", "pictures: large object", "and only a column of one OID names a large object"),
        ("picture text", "picture: number", "which is of type text, which holds none"),
        ("picture oid", "picture: number, other: number", "its column other are, which is not there"),
    ],
)
def test_what_the_dataset_says_wrongly_of_oids_is_refused(live, refused, portal, column, said, told):
    live(f"CREATE TABLE scan ({column})")
    portal.schema(f"{SCHEMA} CREATE TABLE scan ({column});")
    portal.change("checks:", f"  scan: {{owner: portal, oids: {{{said}}}}}\nchecks:")
    assert told in refused()


def test_large_objects_of_production_that_no_column_is_said_to_name_are_refused(live, refused):
    live("SELECT lo_create(0)")
    assert "production's database has large objects, and " in refused()


def test_a_name_that_needs_quoting_is_judged_like_any_other(live, refused, portal):
    table = 'CREATE TABLE "Odd ""One""" ("Its % Column" text{});'
    live(table.format("") + ' INSERT INTO "Odd ""One""" VALUES (\'a\'), (\'b\')')
    portal.change("checks:", "  'Odd \"One\"': {owner: portal}\nchecks:")
    portal.schema(SCHEMA + table.format(" CHECK (\"Its % Column\" <> 'a')"))
    message = refused()
    assert 'table Odd "One": the schema demands CHECK ("Its % Column" <> \'a\'::text)' in message
    assert "and 1 rows of production do not meet it" in message


def test_a_reference_to_a_number_of_the_load_is_refused(live, refused, against, portal):
    portal.change("columns: {id: id, author_id: author.id", "columns: {author_id: author.id")
    message = refused()
    assert "table loan, column book_id: it references book.id, which does not come from the source" in message
    assert "`17` names another record after each ingest" in message
    assert (
        "fill book.id from the source (`columns:` of book), or reference a unique column of book" in message
    )
    portal.schema(
        SCHEMA.replace("book_id bigint NOT NULL REFERENCES book", "book_id text REFERENCES book (title)")
    )
    assert "column book_id: bigint in production, text in the schema" in refused()


def test_a_table_that_a_transform_fills_is_refused_only_with_a_number_of_the_load(
    live, refused, against, portal
):
    (portal.folder / "shelf.sql").write_text("INSERT INTO shelf (name) SELECT DISTINCT title FROM book;\n")
    portal.change(
        "checks:", "  shelf: {owner: source}\n  visit: {owner: portal}\ntransform: [shelf.sql]\nchecks:"
    )
    shelf = "CREATE TABLE shelf (id serial PRIMARY KEY, name text DEFAULT 'none' UNIQUE);"
    portal.schema(f"{SCHEMA} {shelf} CREATE TABLE visit (shelf integer REFERENCES shelf);")
    assert "column shelf: it references shelf.id" in refused()
    portal.schema(f"{SCHEMA} {shelf} CREATE TABLE visit (shelf text REFERENCES shelf (name));")
    assert against()["changed"]


def test_a_key_that_is_computed_from_the_source_may_be_referenced(live, against, portal):
    slug = "ALTER TABLE book ADD slug text GENERATED ALWAYS AS (lower(title)) STORED UNIQUE;"
    portal.schema(f"{SCHEMA} {slug} CREATE TABLE visit (slug text REFERENCES book (slug));")
    portal.change("checks:", "  visit: {owner: portal}\nchecks:")
    result = against()
    assert result.get("changed"), result.get("msg")


def test_a_source_owned_table_that_references_a_portal_owned_one_is_refused(live, refused, portal):
    portal.schema(f"{SCHEMA} ALTER TABLE book ADD loan_id bigint REFERENCES loan;")
    message = refused()
    assert "table book, column loan_id: it is source-owned and references portal-owned loan" in message


def test_the_report_has_what_is_refused_in_one_line(live, refused, portal):
    live("CREATE TABLE forgotten (n int); ALTER TABLE loan ADD until date")
    message = refused(work=str(portal.folder / "work"))
    [step] = (portal.folder / "work/run-1/steps.jsonl").read_text().splitlines()
    assert len(message.splitlines()) == 4
    assert json.loads(step)["failure"] == " ".join(message.split())


def test_check_mode_refuses_the_same(live, refused, loan):
    loan("    reader text", "    patron text")
    assert refused(check=True) == refused()
