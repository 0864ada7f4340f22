from __future__ import annotations

import pytest


def test_health_tells_release_snapshot_and_counts_of_the_source_tables_and_downloads(client):
    client.post("/download/jgi:1")

    answer = client.get("/health")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "status": "ok",
        "release": "r2_2021-02-01",
        "snapshot": "20261123T114500Z",
        "tables": {
            "activity": 1,
            "activity_input": 1,
            "activity_output": 30,
            "biosample": 120,
            "data_object": 60,
            "file_download": 1,
            "omics_input": 2,
            "omics_output": 30,
            "omics_processing": 31,
            "omics_study": 31,
            "study": 2,
        },
    }


def test_healths_counts_are_counted_and_not_remembered(client, server, database):
    before = client.get("/health").json["tables"]["omics_input"]
    server.rows("DELETE FROM omics_input WHERE omics_id = 'gold:Gp1'", database)

    assert client.get("/health").json["tables"]["omics_input"] == before - 1


@pytest.mark.parametrize(
    ("damage", "status"),
    [
        ("DROP SCHEMA reingest CASCADE", "the database holds no finished load"),
        ("UPDATE reingest.load SET finished = NULL", "the database holds no finished load"),
        ("TRUNCATE study CASCADE", "the database holds no studies"),
        ("DROP TABLE activity_input", "the database cannot be read: it does not hold a whole release"),
    ],
)
def test_a_database_that_is_not_a_whole_release_is_not_healthy(client, server, database, damage, status):
    server.rows(damage, database)

    answer = client.get("/health")

    assert answer.status_code == 503
    assert answer.json["status"] == status


def test_an_empty_database_is_not_healthy_and_its_pages_say_that_nothing_is_loaded(client_of):
    client = client_of("postgres")

    page = client.get("/")

    assert client.get("/health").status_code == 503
    assert page.status_code == 503
    assert "No release yet" in page.text


def test_a_release_declared_broken_is_unhealthy_with_its_counts(client_of, database):
    broken = client_of(database, broken_release="r2_2021-02-01").get("/health")
    other = client_of(database, broken_release="r1_2020-07-28").get("/health")

    assert (broken.status_code, other.status_code) == (503, 200)
    assert "PORTAL_BROKEN_RELEASE" in broken.json["status"]
    assert broken.json["tables"] == other.json["tables"]
