import sqlite3

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.database import read_database, read_database_fields
from plugins.module_utils.reingest.sources.source import query_in


@pytest.fixture
def folder(tmp_path):
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.executescript('CREATE TABLE "Two words" (id integer, raw blob);')
    connection.execute("INSERT INTO \"Two words\" VALUES (1, x'01'), (2, NULL)")
    connection.commit()
    connection.close()
    return tmp_path


def test_a_table_or_a_query_gives_its_rows(folder):
    table = query_in("sqlite:///x.db", "Two words", "", folder)
    assert read_database_fields(table) == ("id", "raw")
    assert list(read_database(table)) == [(1, {"id": 1, "raw": "\\x01"}), (2, {"id": 2, "raw": None})]
    query = query_in("sqlite:///x.db", "", "SELECT 'a:b%' AS mark, id % 2 AS odd FROM \"Two words\"", folder)
    assert [row for _, row in read_database(query)] == [
        {"mark": "a:b%", "odd": 1},
        {"mark": "a:b%", "odd": 0},
    ]


@pytest.mark.parametrize(
    ("url", "query", "message"),
    [
        ("sqlite:///y.db", "SELECT 1", "there is no file "),
        ("sqlite:///x.db", "SELECT absent", "no such column: absent"),
        ("sqlite:///x.db", "SELECT 1 AS a, 2 AS a", "the column a is there twice"),
        ("oracle+none://host/d", "SELECT 1", "cannot be read: "),
        (
            "postgresql://u:${REINGEST_UNSET}@127.0.0.1/d",
            "SELECT 1",
            "the variable REINGEST_UNSET is not set",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(folder, url, query, message):
    with pytest.raises(Refusal) as caught:
        list(read_database(query_in(url, "", query, folder)))
    assert message in str(caught.value)
    assert not (folder / "y.db").exists()


def test_a_password_from_the_environment_is_in_no_message(folder, monkeypatch):
    monkeypatch.setenv("REINGEST_PASSWORD", "s3cret")
    url = "postgresql://u:${REINGEST_PASSWORD}@127.0.0.1:1/d"
    with pytest.raises(Refusal) as caught:
        list(read_database(query_in(url, "", "SELECT 1", folder)))
    assert "s3cret" not in str(caught.value)
    assert "${REINGEST_PASSWORD}" in str(caught.value)
