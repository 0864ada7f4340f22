"""By which versions of collations indexes are sorted, and what a server with others is told of them."""

from __future__ import annotations

import pytest
from clusters import MAJORS
from tiers import sample

from plugins.module_utils.reingest.postgres.collations import changed_versions, given_by, made_by
from plugins.module_utils.reingest.promotion.collations import collation_findings, collations_detail
from plugins.module_utils.reingest.volume.ledger import LOADED, Entry

A = "20261101T000000Z"
MADE = """
CREATE TABLE book (title text);
CREATE COLLATION sorted (provider = libc, locale = 'C');
CREATE COLLATION unused (provider = libc, locale = 'C');
CREATE INDEX ON book (title COLLATE sorted);
"""
# This machine's C library has no locale but C, whose order has no version: what another image would write.
VERSIONS = """
UPDATE pg_collation SET collversion = CASE collname WHEN 'sorted' THEN '2.6' ELSE '2.7' END
WHERE collname IN ('sorted', 'unused')
"""


@pytest.fixture(scope="module", params=sample(MAJORS, MAJORS[0], MAJORS[-1]))
def server(request, server_factory):
    server = server_factory(request.param)
    server.rows("CREATE DATABASE books TEMPLATE template0")
    server.rows(MADE, "books")
    return server


def entry(made):
    return Entry(LOADED, A, "2026-11-01T00:00:00+00:00", "run", "who", detail=collations_detail(made))


def test_what_indexes_are_sorted_by_is_known_of_all_databases(server):
    assert made_by(server.dsn()) == {}
    assert list(collation_findings(entry({}), server.dsn())) == []
    server.rows(VERSIONS, "books")
    assert made_by(server.dsn()) == {"libc": ["2.6"]}
    major = int(server.rows("SHOW server_version_num")[0][0]) // 10_000
    if major >= 15:  # the first that writes down by which version a database was made
        server.rows("UPDATE pg_database SET datcollversion = '2.99' WHERE datname = 'books'")
        assert made_by(server.dsn()) == {"libc": ["2.6"]}
        server.rows("CREATE INDEX ON book (title)", "books")
        assert made_by(server.dsn()) == {"libc": ["2.6", "2.99"]}


def test_a_server_of_another_version_is_a_finding_with_the_remedy(server):
    given = given_by(server.dsn())
    assert given["libc"] == "none"
    [finding] = collation_findings(entry({"libc": ["2.36"]}), server.dsn())
    assert finding.name == f"collation:{A}"
    assert "(libc 2.36 then, none now)" in finding.message
    assert "REINDEX DATABASE" in finding.remedy
    assert finding.acceptable


def test_where_nothing_is_known_there_is_no_finding(server):
    assert list(collation_findings(entry({"icu:somewhere": ["153"]}), server.dsn())) == []
    assert list(collation_findings(None, server.dsn())) == []
    nobody = server.dsn().replace(str(server.port), "1")
    assert list(collation_findings(entry({"libc": ["2.36"]}), nobody)) == []


def test_each_version_that_is_another_one_is_told():
    made = {"libc": ["2.31", "2.36"], "icu:de": ["153.14"], "icu:fr": ["1"]}
    assert changed_versions(made, {"libc": "2.36", "icu:de": "153.120"}) == [
        ("libc", "2.31", "2.36"),
        ("icu:de", "153.14", "153.120"),
    ]
