"""What status.yml tells of fences and of copies that alone have some rows."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.carry.copies import keep_for_ever
from plugins.module_utils.reingest.carry.record import Fenced, empty_carried_folder, fence_record, write_fence
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.reporting.listing import listing
from plugins.module_utils.reingest.reporting.volume_info import describe

A, B = (f"2026110{day}T000000Z" for day in (1, 2))
SINCE = "2026-11-29T15:00:00+00:00"


@pytest.fixture
def fence(site):
    """Return ``fence(snapshot)``, which writes down that its database is fenced."""
    site.serve(A, B)

    def write(snapshot):
        server = read_control(site.volume.snapshot(snapshot)).system_identifier
        write_fence(site.volume, Fenced("run-1", server, "portal", SINCE, taken="run-1"))
        return server

    return write


def test_without_fences_and_copies_nothing_is_told(site):
    site.serve(A, B)
    found = describe(site.volume)
    assert (found["fences"], found["copies"]) == ([], [])
    assert not any("fenced" in line or "carried" in line for line in listing(found))


def test_a_fence_of_what_serves_is_told_with_what_lifts_it(site, fence):
    server = fence(B)
    found = describe(site.volume)
    assert found["fences"] == [
        {
            "snapshot": B,
            "server": server,
            "load": False,
            "database": "portal",
            "run": "run-1",
            "since": SINCE,
        }
    ]
    line = (
        f"production: database portal is fenced since {SINCE} by run run-1: nobody gets in: run recover.yml"
    )
    assert f"{line}, which lifts it" in listing(found)


def test_a_fence_of_the_snapshot_that_served_before_is_lifted_by_the_way_back(site, fence):
    fence(A)
    (line,) = (line for line in listing(describe(site.volume)) if "fenced" in line)
    assert line.startswith(f"{A}: its database portal is fenced since {SINCE} by run run-1: a rollback")


def test_a_damaged_record_is_a_fault(site, fence):
    fence_record(site.volume, fence(B)).path.write_text("{}")
    (fault,) = describe(site.volume)["faults"]
    assert "the record of a fence" in fault


def test_copies_that_alone_have_some_rows_are_told_with_the_name_that_lets_them_go(site):
    site.serve(A)
    empty_carried_folder(site.volume, "run-0")
    keep_for_ever(empty_carried_folder(site.volume, "run-1"), ("table t: 3 rows", "table u: 4 rows"))
    found = describe(site.volume)
    assert found["copies"] == [{"run": "run-1", "rows": ["table t: 3 rows", "table u: 4 rows"]}]
    (line,) = (line for line in listing(found) if "carried" in line)
    assert "run-1/carried has these rows of users: table t: 3 rows; table u: 4 rows" in line
    assert line.endswith("prune.yml -e reingest_accept=copies:run-1 deletes them")
