"""What is pinned comes last, so that it counts, and a server that has it otherwise is known."""

import os

import pytest
from psycopg2.extensions import parse_dsn

from plugins.module_utils.reingest.postgres.pins import (
    TOLD,
    differing,
    forget_environment,
    is_pinned,
    own_options,
    pinned_options,
    read_as,
)

OWN = "-c TimeZone=Asia/Tokyo -c work_mem=1GB"


def test_what_is_pinned_comes_after_what_a_string_says_itself():
    words = pinned_options(OWN)
    assert words.startswith(f"{OWN} -c extra_float_digits=1 ")
    assert words.endswith(" -c TimeZone=UTC -c DateStyle=ISO,YMD")
    assert (is_pinned(words), is_pinned(OWN), own_options(words)) == (True, False, OWN)


def test_a_string_is_pinned_once_by_the_last_who_says():
    once = read_as(f"host=db dbname=portal options='{OWN}'", "Europe/Berlin", "DMY")
    twice = read_as(once, "UTC", "MDY")
    parts = parse_dsn(twice)
    assert (parts["host"], parts["dbname"]) == ("db", "portal")
    assert parts["options"] == pinned_options(OWN, "UTC", "MDY")
    assert "Berlin" not in twice


def test_a_pooler_that_drops_what_is_pinned_is_known_by_what_the_server_tells():
    told = {
        "TimeZone": "utc",
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "postgres",
        "standard_conforming_strings": "on",
    }
    assert set(told) == {*TOLD}
    assert differing(told, pinned_options(OWN)) == ""
    for name in TOLD:
        for other in ("Europe/Berlin", None):
            assert differing({**told, name: other}, pinned_options(OWN)) == name


@pytest.mark.parametrize("name", ["PGTZ", "PGDATESTYLE"])
def test_the_account_s_environment_does_not_count(monkeypatch, name):
    monkeypatch.setenv(name, "anything")
    forget_environment()
    assert name not in os.environ
