"""What a window went into, told from the steps of its run."""

from __future__ import annotations

from plugins.module_utils.reingest.outage.parts import parts_of


def step(second, *did, seconds=1.0, changed=True, stage="switch", **detail):
    started = f"2026-11-23T12:00:{second:06.3f}+00:00"
    return {
        "stage": stage,
        "started": started,
        "seconds": seconds,
        "changed": changed,
        "did": list(did),
        "detail": detail,
    }


SWITCH = (
    step(0, "predicted", changed=False),
    step(10, "stop backend", seconds=0.5),
    step(11, "carry 3 rows", seconds=0.4, rows={"t": 3}),
    step(12, "stop db", "stop db-ingest", seconds=0.6),
    step(13, "move ingest/", "point prod at staging/b", seconds=0.1),
    step(14, "start db", seconds=0.7),
    step(15, "start backend", seconds=1.5),
    step(30, "start db-ingest", stage="settle"),
)


def test_the_parts_of_a_window_and_what_is_between_them():
    found = parts_of(SWITCH)
    assert found.window == 6.5
    assert found.parts == {
        "stop_writers": 0.5,
        "carry_rows": 0.4,
        "stop_servers": 0.6,
        "promote": 0.1,
        "start_production": 0.7,
        "start_writers": 1.5,
        "between": 2.7,
    }


def test_steps_of_one_call_follow_each_other_at_once():
    found = parts_of(
        [
            step(
                10.000, "stop backend", seconds=0.501
            ),  # rounded: the next one begins in the same millisecond
            step(10.500, "stop db", "stop db-ingest", seconds=0.3),
            step(10.800, "point prod at staging/b", seconds=0.1),
            step(10.900, "start db", seconds=0.6),
            step(11.500, "open database portal", seconds=0.2),
            step(11.700, "start backend", seconds=0.8),
        ]
    )
    assert found.parts == {
        "stop_writers": 0.501,
        "stop_servers": 0.3,
        "promote": 0.1,
        "start_production": 0.6,
        "open_rows": 0.2,
        "start_writers": 0.8,
        "between": 0.0,
    }


def test_what_several_hosts_do_at_one_time_counts_once():
    beside = (step(10.2, "stop backend", seconds=0.5), step(15.1, "start backend", seconds=1.0))
    found = parts_of((*SWITCH, *beside))
    assert (found.parts["stop_writers"], found.parts["start_writers"]) == (0.7, 1.5)
    assert found.parts["stop_servers"] == 0.6


def test_a_step_that_did_several_parts_says_so_itself():
    parts = {"stop_writers": 0.3, "promote": 0.1, "start_writers": 0.9, "invented": 5.0}
    found = parts_of([step(10, "stop backend", seconds=1.5, window=parts), step(10, "start x", seconds=1.0)])
    assert found.parts == {"stop_writers": 0.3, "promote": 0.1, "start_writers": 0.9, "between": 0.2}


def test_a_server_without_writers_stops_and_starts():
    found = parts_of([step(1, "stop db"), step(3, "start db")])
    assert found.parts == {"stop_servers": 1.0, "start_production": 1.0, "between": 1.0}


def test_without_a_change_there_was_no_window():
    assert parts_of([step(1, changed=False), step(2, "load", stage="load")]).window == 0.0
