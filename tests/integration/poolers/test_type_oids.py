"""Types of a load that a held portal knows by another number; a copy of a database has the same numbers."""

from __future__ import annotations

from contextlib import closing

import pytest

from plugins.module_utils.reingest.verify.type_oids import oid_findings

TYPES = """
CREATE SCHEMA lab;
CREATE EXTENSION vector;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE lab."Odd %s" AS ENUM ('one');
CREATE TYPE pair AS (a int, b int);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE study (id int, mood mood);
"""


@pytest.fixture
def both(production):
    """Return the server with a database ``live`` and a copy of it, ``made``."""
    production.rows("CREATE DATABASE live")
    production.rows(TYPES, "live")
    production.rows("CREATE DATABASE made TEMPLATE live")
    yield production
    for name in ("live", "made"):
        production.rows(f"DROP DATABASE {name} WITH (FORCE)")


def found(server):
    with closing(server.connect("made")) as made, closing(server.connect("live")) as live:
        return {finding.name: finding for finding in oid_findings(made, live)}


def test_the_same_numbers_are_no_finding(both):
    assert found(both) == {}


def test_enums_composites_and_types_of_extensions_are_named(both):
    both.rows("DROP EXTENSION vector", "made")
    both.rows("CREATE EXTENSION vector", "made")
    for statement in (
        "DROP TABLE study",
        "DROP TYPE mood",
        "CREATE TYPE mood AS ENUM ('good', 'bad')",
        'DROP TYPE lab."Odd %s"',
        "CREATE TYPE lab.\"Odd %s\" AS ENUM ('one')",
        "DROP TYPE pair",
        "CREATE TYPE pair AS (a int, b int)",
        "DROP DOMAIN positive",
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
        "CREATE TABLE study (id int, mood mood)",
    ):
        both.rows(statement, "made")
    named = found(both)
    ours = {"oids:mood", "oids:lab.Odd %s", "oids:pair", "oids:vector"}
    assert ours <= set(named)
    assert set(named) - ours <= {"oids:halfvec", "oids:sparsevec"}  # of newer versions of that extension
    mood = named["oids:mood"]
    assert "reingest_hold_restart: rolling" in mood.remedy
    assert mood.acceptable


def test_a_type_that_only_one_of_them_has_is_no_matter_of_this(both):
    both.rows("CREATE TYPE of_the_load AS ENUM ('x')", "made")
    both.rows("CREATE TYPE of_production AS ENUM ('x')", "live")
    assert found(both) == {}
