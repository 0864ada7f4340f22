"""What a dry run says of production's tables: whose they are, and how many rows are carried."""

from __future__ import annotations

import shutil

import pytest

LIVE = "20261123T114500Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}
SCHEMA = """
CREATE TABLE data_object (id text PRIMARY KEY);
CREATE TABLE study (id text PRIMARY KEY);
CREATE SCHEMA web;
CREATE TABLE web.login (at int) PARTITION BY RANGE (at);
CREATE TABLE web.login_1 PARTITION OF web.login FOR VALUES FROM (0) TO (100);
CREATE TABLE file_download (id int);
CREATE TABLE alembic_version (v text);
"""
OWNERS = {
    "data_object": "source",
    "study": "source",
    "alembic_version": "schema",
    "web.login": "drop",
    "file_download": "quarantine",
    "gone": "source",
}


@pytest.fixture
def planned(portal, run_module):
    """Return ``planned(**more)``: the step of a dry run of the carry-over."""
    portal.make(SCHEMA, OWNERS)
    for server in (portal.production, portal.staging):
        server.rows("CREATE TABLE reingest.load (snapshot text)", "portal")
    portal.live("INSERT INTO web.login VALUES (1), (2)")
    place = portal.volume.staging / LIVE
    (place / "global").mkdir(parents=True)
    shutil.copy(portal.production.data / "global/pg_control", place / "global")
    portal.volume.prod.symlink_to(f"staging/{LIVE}")

    def run(**more):
        dsns = {"production_dsn": portal.production.dsn(), "staging_dsn": portal.staging.dsn()}
        given = {"state": "carried", "volume": str(portal.volume.root), "check": True, **dsns, **WHO}
        result = run_module("carry_over", **{**given, **more})
        assert not result.get("failed"), result.get("msg")
        return result

    return run


def test_tables_are_told_by_their_owner_and_those_of_users_with_their_rows(planned):
    result = planned()
    assert result["step"]["did"] == [
        "carry 0 rows of users: file_download",
        "carry 2 rows of users: web.login",
        "fence production",
        "replace source-owned tables: data_object, study",
        "replace schema-owned tables: alembic_version",
    ]
    assert result["rows"] == {"file_download": 0, "web.login": 2}
    assert result["step"]["detail"]["owners"] == {
        "source": ["data_object", "study"],
        "schema": ["alembic_version"],
    }


def test_many_tables_are_one_short_line(planned, portal):
    for server in (portal.production, portal.staging):
        server.rows(
            "DO $$ BEGIN FOR n IN 10..40 LOOP EXECUTE format('CREATE TABLE many_%s ()', n);"
            " INSERT INTO reingest.load_table VALUES ('many_' || n, 'source'); END LOOP; END $$",
            "portal",
        )
    line = planned()["step"]["did"][-2]
    assert line.startswith("replace source-owned tables: data_object, many_10, many_11")
    assert line.endswith("many_20 and 21 more")
