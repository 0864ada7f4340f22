"""The same files give the same rows, whatever the server, the role, the database or the account is set to."""

from __future__ import annotations

from contextlib import closing

import pytest
from integration.conftest import PASSWORD
from integration.ingest.sources_load import SourcesLoad, SourceTable

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.dsn import connect
from plugins.module_utils.reingest.postgres.session import pinned

OTHERWISE = {
    "TimeZone": "America/New_York",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "extra_float_digits": "-10",
    "bytea_output": "escape",
    "xmloption": "document",
    "standard_conforming_strings": "off",
}
PINNED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "client_encoding": "UTF8",
}
TYPES = {"id": "integer", "taken_at": "timestamptz", "day": "date"}
VISITS = b"id,taken_at,day\n1,2021-03-04 12:00:00,2021-03-04\n2,2021-07-04 12:00:00,03/04/2021\n"
LINES = (
    b'{"id": 1, "taken_at": "2021-03-04 12:00:00", "day": "2021-03-04"}\n'
    b'{"id": 2, "taken_at": "2021-07-04 12:00:00", "day": "03/04/2021"}\n'
)
IN_UTC = "SELECT id, (taken_at AT TIME ZONE 'UTC')::text, day::text FROM {} ORDER BY id"


@pytest.fixture
def sources(tmp_path, staging):
    return SourcesLoad(tmp_path, staging)


@pytest.fixture
def otherwise(staging, monkeypatch):
    """Set the role to everything that changes a text, and the account's environment, too."""
    for name, value in OTHERWISE.items():
        staging.rows(f"ALTER ROLE postgres SET {name} = '{value}'")
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    monkeypatch.setenv("PGDATESTYLE", "German, DMY")
    monkeypatch.setenv("PGOPTIONS", "-c TimeZone=Asia/Tokyo")
    yield
    monkeypatch.undo()
    staging.rows("ALTER ROLE postgres RESET ALL")


@pytest.fixture
def visits():
    """Return tables of both kinds of files: rows as they lie there, and rows that are made one by one."""
    columns = tuple(TYPES)
    keys = {"columns": {name: name for name in columns}}
    return [
        SourceTable("plain", "plain.csv", VISITS, columns, {}, TYPES),
        SourceTable("lines", "lines.jsonl", LINES, columns, keys, TYPES),
        SourceTable("made", "made.jsonl", LINES, columns, {"where": {"id": [1, 2]}, **keys}, TYPES),
    ]


def test_every_session_keeps_what_is_pinned_and_a_reset_does_too(staging, otherwise):
    for session in (connect(staging.dsn()), pinned(staging.dsn(), "postgres")):
        with closing(session), session.cursor() as cursor:
            for statement in ("SELECT 1", "RESET ALL", "SET TimeZone = 'Asia/Tokyo'; RESET TimeZone"):
                cursor.execute(statement)
                found = {}
                for name in PINNED:
                    cursor.execute(f"SHOW {name}")
                    found[name] = cursor.fetchone()[0]
                assert found == PINNED


def test_a_file_has_the_same_rows_wherever_it_is_loaded(sources, visits, staging, otherwise):
    result = sources.run(visits)
    for table in visits:
        assert staging.rows(IN_UTC.format(table.name), "sources") == [
            (1, "2021-03-04 12:00:00", "2021-03-04")
        ]
        assert result["tables"][table.name]["rejected"] == 1
        (reject,) = sources.rejects(table)
        assert (reject["column"], reject["value"]) == ("day", "03/04/2021")


def test_the_dataset_says_the_zone_and_the_order(sources, visits, staging, otherwise):
    expected = [(1, "2021-03-04 11:00:00", "2021-03-04"), (2, "2021-07-04 10:00:00", "2021-04-03")]
    sources.run(visits, timezone="Europe/Berlin", dates="DMY")
    for table in visits:
        assert staging.rows(IN_UTC.format(table.name), "sources") == expected
    sources.run(visits, dates="MDY")
    assert staging.rows(IN_UTC.format("plain"), "sources")[1] == (2, "2021-07-04 12:00:00", "2021-03-04")


def test_the_schema_and_the_transforms_read_as_the_dataset_says(sources, visits, staging, otherwise):
    (sources.folder / "one.sql").write_text(
        "CREATE TABLE made_of AS SELECT timestamptz '2021-01-01 00:00' AS at, date '03/04/2021' AS day;"
    )
    given = {"timezone": "Europe/Berlin", "dates": "DMY", "transform": ["one.sql"]}
    sources.run(visits, **given, transform_again=["one.sql"])
    found = staging.rows("SELECT (at AT TIME ZONE 'UTC')::text, day::text FROM made_of", "sources")
    assert found == [("2020-12-31 23:00:00", "2021-04-03")]
    ((script,),) = staging.rows("SELECT script FROM reingest.load_transform", "sources")
    assert script.startswith("SET LOCAL TimeZone = 'Europe/Berlin'; SET LOCAL DateStyle = 'ISO, DMY';\n")


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ({"timezone": "Europe/Berln"}, "knows no time zone Europe/Berln: correct `timezone:` in the dataset"),
        ({"timezone": "UTC+2"}, "timezone: 'UTC\\+2' is no name of a time zone"),
        ({"dates": "YDM"}, "dates: 'YDM' is none of YMD, DMY, MDY"),
    ],
)
def test_a_zone_or_an_order_that_is_none_is_refused_in_the_plan(sources, visits, top, message):
    with pytest.raises(Refusal, match=message):
        sources.run(visits, check=True, **top)


def test_a_query_of_a_server_has_its_texts_as_ours_have(sources, staging, otherwise, monkeypatch):
    monkeypatch.setenv("SOURCE_PASSWORD", PASSWORD)
    query = (
        "SELECT timestamptz '2021-03-04 12:00+00'::text AS at, date '2021-03-04'::text AS day, "
        "interval '36 hours'::text AS span, (0.1::float8 + 0.2)::text AS share, '\\x41'::bytea::text AS raw"
    )
    url = f"postgresql+psycopg2://postgres:${{SOURCE_PASSWORD}}@127.0.0.1:{staging.port}/postgres"
    columns = ("at", "day", "span", "share", "raw")
    table = SourceTable("t", "none", b"", columns, {"from": url, "query": query})
    sources.run([table])
    assert sources.rows(table) == [
        ("2021-03-04 12:00:00+00", "2021-03-04", "36:00:00", "0.30000000000000004", "\\x41")
    ]


def test_checks_read_as_the_dataset_says(sources, visits, staging, otherwise, run_module):
    check = {"name": "order", "query": "SELECT date '03/04/2021' = date '2021-04-03'", "expect": True}
    sources.run(visits, dates="DMY", checks={"sql": [check]})
    given = {"dataset": str(sources.folder / "dataset.yml"), "staging_dsn": staging.dsn(), "first": True}
    assert run_module("ingest_verify", **given)["findings"] == []
