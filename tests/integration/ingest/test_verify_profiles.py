"""What the verification finds in rows: two real releases, a renamed key, and profiles that were kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from waiting import wait_for

ROOT = Path(__file__).parents[3]
OPERATOR = "0000-0002-1825-0097"
R1, R2 = "r1_2020-07-28", "r2_2021-02-01"
OF_RELEASE_2 = ("    growth: any", "    lost: 60%", "    lost: 10%")
AUTHORS = "id,name,born,favourite\n" + "".join(
    f"a{n},Author {n},19{n % 90 + 10}-01-02,\n" for n in range(150)
)


def names_of(result):
    return [finding["name"] for finding in result["findings"]]


@pytest.fixture
def releases(run_module, staging, production, portal, tmp_path):
    """Return ``verify(change)``: release 1 in production, release 2 in staging, by the demo's dataset."""
    text = (ROOT / "demo/dataset.yml").read_text().replace("sources: data/", f"sources: {ROOT}/demo/data/")
    (tmp_path / "schema.sql").write_text(
        (ROOT / "demo/schema.sql").read_text() + "ALTER TABLE biosample ADD place text;"
    )
    (tmp_path / "study_counts.sql").write_text((ROOT / "demo/study_counts.sql").read_text())
    file = tmp_path / "demo.yml"

    def load(server, release):
        server.rows("DROP DATABASE IF EXISTS nmdc WITH (FORCE)")
        sources = str(ROOT / "demo/data" / release)
        given = {"staging_dsn": server.dsn(), "sources": sources, "run": "run-1", "operator": OPERATOR}
        result = run_module("ingest_load", dataset=str(file), first=True, **given)
        assert not result.get("failed"), result["msg"]

    def verify(change):
        file.write_text(change(text))
        load(production, R1)
        load(staging, R2)
        dsns = {"staging_dsn": staging.dsn(), "production_dsn": production.dsn()}
        return run_module("ingest_verify", dataset=str(file), **dsns)

    yield verify
    for server in (staging, production):
        server.rows("DROP DATABASE IF EXISTS nmdc WITH (FORCE)")


def test_of_two_real_releases_that_is_found_which_an_operator_wants_to_read(releases):
    def change(text):
        for line in OF_RELEASE_2:
            text = "\n".join(one for one in text.splitlines() if not one.startswith(line))
        renamed = '      place: {path: geo_loc_name.has_raw_value, optional: true}\n      annotations: "*"'
        before, biosample, after = text.partition("  biosample:\n")
        return before + biosample + after.replace('      annotations: "*"', renamed, 1)

    result = releases(change)
    assert names_of(result) == [
        "growth:biosample",
        "lost:biosample",
        "emptied:biosample.place",
        "lost:omics_processing",
    ]
    assert "column place of table biosample has a value in 0 of 32230 rows (0.0%)" in result["msg"]
    assert "the dataset takes it from `geo_loc_name.has_raw_value`" in result["msg"]
    assert (
        "lacks 555 of production's 964 keys (57.6%, and 5% is the limit), for example gold:" in result["msg"]
    )
    compared = result["step"]["detail"]["profiles"]
    assert (compared["biosample"]["rows_before"], compared["biosample"]["keys_new"]) == (964, 31_821)
    assert compared["biosample"]["columns"]["place"]["now"]["filled"] == 0
    assert compared["omics_input"]["keys_lost"] == 555  # told, and no finding of a table of links
    text = json.dumps([compared, result["profiles"]])
    assert "gold:" not in text


@pytest.fixture
def both(load, portal, staging, production, run_module):
    """Return ``verify(**options)``, with the same load of 150 authors on both servers."""
    portal.authors(AUTHORS)
    for server in (production, staging):
        result = load(staging_dsn=server.dsn(), snapshot="20261123T114500Z")
        assert "msg" not in result, result["msg"]

    def verify(**options):
        given = {
            "staging_dsn": staging.dsn(),
            "production_dsn": production.dsn(),
            "dataset": str(portal.dataset),
        }
        return run_module("ingest_verify", **{**given, **options})

    return verify


def scans(server):
    ((count,),) = server.rows(
        "SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = 'author'", "library"
    )
    return count


def read_by(server, call):
    """Return whether a call reads table author, and its result."""
    wait_for(lambda: not server.rows("SELECT 1 FROM pg_stat_activity WHERE datname = 'library'"))
    before = scans(server)
    result = call()
    wait_for(lambda: not server.rows("SELECT 1 FROM pg_stat_activity WHERE datname = 'library'"))
    return scans(server) > before, result


def test_production_is_not_read_again_while_nobody_wrote_to_its_tables(both, production):
    kept = both(staging_dsn=production.dsn(), production_dsn="", first=True)["profiles"]
    assert kept["tables"].keys() == {"author", "book"}
    assert read_by(production, both)[0]
    read, result = read_by(production, lambda: both(kept=kept))
    assert (read, result["findings"]) == (False, [])
    assert result["step"]["detail"]["profiles"]["author"]["kept"] is True
    other = {**kept, "snapshot": "20261123T000000Z"}
    assert read_by(production, lambda: both(kept=other))[0]
    assert read_by(production, lambda: both(kept={"version": 1}))[0]
    production.rows("INSERT INTO author SELECT 'n' || i, 'new' FROM generate_series(1, 50) i", "library")
    read, result = read_by(production, lambda: both(kept=kept))
    assert (read, names_of(result)) == (True, ["shrink:author"])
    assert "50 keys are gone, for example n1, n10, n11" in result["msg"]


def test_nothing_is_kept_in_check_mode(both):
    assert both(check=True, snapshot="20261123T114500Z")["profiles"] == {}


def test_a_table_or_a_column_that_is_left_out_is_only_counted(both, portal, staging):
    staging.rows("UPDATE author SET born = NULL", "library")
    assert names_of(both()) == ["emptied:author.born"]
    portal.change(
        "    from: author.csv", "    from: author.csv\n    profile: {born: false, brn: {range: any}}"
    )
    result = both()
    assert names_of(result) == []
    assert "born" not in result["profiles"]["tables"]["author"]["profile"]["columns"]
    assert "has no column brn" in str(result["warnings"])
    portal.change("profile: {born: false, brn: {range: any}}", "profile: false")
    staging.rows("DELETE FROM author WHERE id ~ '^a[89]'", "library")
    result = both()
    assert names_of(result) == ["count:author", "shrink:author"]
    assert result["profiles"]["tables"].keys() == {"book"}


def test_of_portal_owned_tables_there_is_no_profile(both, production):
    production.rows("INSERT INTO loan (book_id, reader) VALUES (7, 'Mr Secret')", "library")
    result = both()
    assert "loan" not in result["profiles"]["tables"]
    assert "loan" not in result["step"]["detail"]["profiles"]
    assert "Secret" not in json.dumps(result)


def test_a_login_that_may_not_read_a_table_is_refused_with_the_remedy(both, production):
    production.rows("DROP ROLE IF EXISTS counter")
    production.rows("CREATE ROLE counter LOGIN PASSWORD 'counter'")
    try:
        dsn = production.dsn().replace("postgres:only-for-tests", "counter:counter")
        result = both(production_dsn=dsn)
        assert "the rows of table author cannot be read: permission denied" in result["msg"]
        assert "verify with logins that may read all rows" in result["msg"]
    finally:
        production.rows("DROP ROLE counter")
