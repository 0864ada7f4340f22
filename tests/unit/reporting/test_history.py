"""What the ledger tells of a run, and of those before it."""

from __future__ import annotations

from plugins.module_utils.reingest.reporting.history import past_runs, rows_loaded, switch_of
from plugins.module_utils.reingest.volume.ledger import (
    BAD,
    GOOD,
    LIVE,
    LOADED,
    MEASURED,
    PINNED,
    Entry,
    Ledger,
)

A, B = "20261101T000000Z", "20261102T000000Z"
FIRST, SECOND, THIRD = (f"2026110{day}T000000Z-ab" for day in (1, 2, 3))


def line(state, snapshot, run, minutes, **detail):
    return Entry(
        state, snapshot, f"{run[:4]}-11-{run[6:8]}T00:{minutes:02d}:00+00:00", run, "o", detail=detail
    )


def tables(rows):
    return {"study": {"owner": "source", "loaded": rows}, "download": {"owner": "portal", "loaded": None}}


LINES = (
    line(LOADED, A, FIRST, 1, release="r1", bytes=1000, tables=tables(10)),
    line(LIVE, A, FIRST, 2, kind="ingest", previous=""),
    line(GOOD, A, FIRST, 3),
    line(PINNED, A, "20261101T120000Z-ab", 4),
    line(LOADED, B, SECOND, 1, release="r2", bytes=2000, tables=tables(12)),
    line(LIVE, B, SECOND, 2, kind="ingest", previous=A),
    line(MEASURED, B, SECOND, 3, outage_s=2.5),
    line(LIVE, A, THIRD, 1, kind="rollback", previous=B),
    line(BAD, B, THIRD, 2),
)


def test_a_switch_is_told_with_both_releases():
    assert switch_of(Ledger(LINES[:7]), SECOND, B) == {
        "kind": "ingest",
        "from": {"snapshot": A, "release": "r1"},
        "to": {"snapshot": B, "release": "r2"},
        "live": {"snapshot": B, "release": "r2"},
    }


def test_a_load_alone_is_told_beside_what_serves():
    found = switch_of(Ledger(LINES[:5]), SECOND, A)
    assert (found["kind"], found["to"]["release"], found["live"]["release"]) == ("", "r2", "r1")


def test_a_switch_that_was_taken_back_says_what_serves():
    taken = (*LINES[:7], line(BAD, B, SECOND, 4, restored=A))
    found = switch_of(Ledger(taken), SECOND, A)
    assert (found["to"]["snapshot"], found["live"]["snapshot"]) == (B, A)
    assert [one.taken_back for one in past_runs(Ledger(taken), most=5)] == [False, True]


def test_earlier_runs_have_what_the_ledger_knows_of_each():
    found = past_runs(Ledger(LINES), most=5)
    assert [(one.run, one.kind, one.release) for one in found] == [
        (FIRST, "ingest", "r1"),
        (SECOND, "ingest", "r2"),
        (THIRD, "rollback", "r1"),
    ]
    assert [(one.seconds, one.outage_s, one.rows, one.bytes) for one in found] == [
        (180, None, 10, 1000),
        (180, 2.5, 12, 2000),
        (120, None, None, None),
    ]
    assert [one.run for one in past_runs(Ledger(LINES), most=1)] == [THIRD]


def test_a_run_whose_id_has_no_time_has_no_duration():
    assert past_runs(Ledger((line(LOADED, A, "2026-mine01", 1),)), most=5)[0].seconds is None


def test_rows_are_those_of_the_load():
    assert rows_loaded(Ledger(LINES), B) == {"study": 12}
    assert rows_loaded(Ledger(LINES), "") == {}


def test_lines_that_something_else_wrote_are_no_failure():
    odd = Ledger(
        (line(LOADED, A, FIRST, 1, tables=["x"], bytes="y"), line(MEASURED, A, FIRST, 2, outage_s="z"))
    )
    (found,) = past_runs(odd, most=5)
    assert (found.rows, found.bytes, found.outage_s) == (None, None, None)
