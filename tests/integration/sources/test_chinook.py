"""One data set, from its JSON and from its SQLite by URL, into the schema of its PostgreSQL file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import yaml

CHINOOK = Path(__file__).parents[2] / "data" / "chinook"
COUNTS = {
    "album": 347,
    "artist": 275,
    "customer": 59,
    "employee": 8,
    "genre": 25,
    "invoice": 412,
    "invoice_line": 2240,
    "media_type": 5,
    "playlist": 18,
    "playlist_track": 8715,
    "track": 3503,
}


def camel(name):
    return "".join(part.title() for part in name.split("_"))


@pytest.fixture(scope="module")
def server(server_factory):
    return server_factory()


@pytest.fixture(scope="module")
def parts():
    """Return the tables and the rows of the PostgreSQL file: what comes before them are psql's commands."""
    text = (CHINOOK / "Chinook_PostgreSql.sql").read_text()
    tables = text[text.index("CREATE TABLE album") : text.index("INSERT INTO")]
    return tables, text[text.index("INSERT INTO") :]


@pytest.fixture(scope="module")
def expected(server, parts):
    """Return the rows that the PostgreSQL file itself gives."""
    server.rows("CREATE DATABASE expected")
    with closing(server.connect("expected")) as connection, connection.cursor() as cursor:
        cursor.execute(parts[0])
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(parts[1])
    return contents(server, "expected")


def contents(server, database):
    return {table: server.rows(f"SELECT t::text FROM {table} t ORDER BY 1", database) for table in COUNTS}


@pytest.fixture
def load(run_module, server, parts, expected, tmp_path):
    """Load the tables by a dataset in which each table has these keys, and return the result."""

    def run(database, source, **top):
        (tmp_path / "schema.sql").write_text(parts[0])
        columns = dict(
            server.rows(
                "SELECT table_name, string_agg(column_name, ' ') FROM information_schema"
                ".columns WHERE table_schema = 'public' GROUP BY 1",
                "expected",
            )
        )
        tables = {
            table: {
                "owner": "source",
                "columns": {name: camel(name) for name in columns[table].split()},
                **source(camel(table)),
            }
            for table in COUNTS
        }
        dataset = {"database": database, "schema": "schema.sql", "sources": str(CHINOOK), "tables": tables}
        (tmp_path / "dataset.yml").write_text(yaml.safe_dump({**dataset, **top}))
        return run_module(
            "ingest_load",
            dataset=str(tmp_path / "dataset.yml"),
            staging_dsn=server.dsn(),
            first=True,
            run="run-1",
            operator="0000-0002-1825-0097",
        )

    return run


SPACE = """-- The PostgreSQL file has this city without the space.
UPDATE customer SET city = 'Edinburgh' WHERE city = 'Edinburgh ';
UPDATE invoice SET billing_city = 'Edinburgh' WHERE billing_city = 'Edinburgh ';
"""


@pytest.fixture
def empty_texts(server, expected):
    """Return the statements that make NULL of what the JSON writes as an empty text."""
    texts = server.rows(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'character varying'",
        "expected",
    )
    return "".join(f"UPDATE {table} SET {name} = NULL WHERE {name} = '';\n" for table, name in texts)


def test_sqlite_by_url_gives_the_rows_of_the_postgresql_file(server, expected, load, tmp_path):
    (tmp_path / "space.sql").write_text(SPACE)
    result = load(
        "from_sqlite",
        lambda table: {"from": "sqlite:///Chinook_Sqlite.sqlite", "table": table},
        transform="space.sql",
    )
    assert not result.get("failed"), result
    assert {name: count["loaded"] for name, count in result["tables"].items()} == COUNTS
    assert contents(server, "from_sqlite") == expected


def test_json_gives_the_rows_of_the_postgresql_file(server, expected, load, empty_texts, tmp_path):
    (tmp_path / "empty.sql").write_text(empty_texts + SPACE)
    result = load(
        "from_json", lambda table: {"from": "ChinookData.json", "records": table}, transform="empty.sql"
    )
    assert not result.get("failed"), result
    assert {name: count["loaded"] for name, count in result["tables"].items()} == COUNTS
    assert contents(server, "from_json") == expected
