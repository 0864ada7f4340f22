import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.script import read_script


@pytest.fixture
def read(tmp_path):
    def run(text):
        path = tmp_path / "schema.sql"
        path.write_text(text)
        return read_script(path, "the schema")

    return run


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-- COMMIT;\n/* ROLLBACK; */ SELECT 'a; COMMIT;', E'it\\'s; COMMIT;', \"; END\";",
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$ BEGIN; RETURN 1; END; $body$;",
        "DO $$ BEGIN PERFORM 1; END $$;",
        "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\nSELECT 1",
        "SELECT CASE WHEN true THEN 1 END;",
    ],
)
def test_what_only_looks_like_the_end_of_a_transaction_is_let_through(read, text):
    assert read(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1;\n  commit;", ":2: commit: the loader runs the file in one transaction"),
        ("BEGIN;\nSELECT 1;\nEND;", ":1: BEGIN: "),
        ("SELECT ';';\n\nROLLBACK TO SAVEPOINT a", ":3: ROLLBACK: "),
        ("\\connect abc\nSELECT 1;", r":1: a command of psql (\connect)"),
        ("\\restrict\nSELECT 1;", r":1: a command of psql (\restrict)"),
        ("SELECT 1\n\\gset", ":1: a command of psql"),
    ],
)
def test_what_would_end_the_transaction_is_refused_by_its_line(read, text, message):
    with pytest.raises(Refusal) as caught:
        read(text)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(Refusal, match=r"the schema .*schema\.sql does not exist"):
        read_script(tmp_path / "schema.sql", "the schema")


def test_what_pg_dump_writes_around_a_dump_is_passed_over_and_lines_keep_their_numbers(read):
    dump = "\n\nCREATE TABLE t (a text);\nCOMMENT ON TABLE t IS '\n\\restrict me\n';\n"
    assert read(f"\\restrict abcDEF123{dump}\\unrestrict abcDEF123\n") == f"{dump}\n"
