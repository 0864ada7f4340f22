from __future__ import annotations

import pytest

from plugins.module_utils.reingest.load.meter import DONE, INDEXING, LOADING, WAITING, Meter
from plugins.module_utils.reingest.load.workers import Job, run_parallel


def counted(meter):
    meter.show({})
    return {table["table"]: table for table in meter.shown()["tables"]}


def test_forked_writers_count_side_by_side_and_one_table_may_have_several():
    meter = Meter()
    biosample = meter.table("biosample", 9000, streams=3)
    study = meter.table("study", 10)

    def fill(stream):
        for _ in range(1000):
            stream.add(2, 3)

    streams = [*biosample.streams, *study.streams]
    jobs = [Job(str(at), 1, lambda one=one: fill(one)) for at, one in enumerate(streams)]
    run_parallel(jobs, 4)
    tables = counted(meter)
    assert (tables["biosample"]["rows"], tables["biosample"]["bytes"]) == (6000, 9000)
    assert (tables["study"]["rows"], tables["study"]["bytes"]) == (2000, 3000)
    assert [tables[name]["total"] for name in ("biosample", "study")] == [9000, 10]


def test_a_table_that_is_read_once_more_is_counted_from_nothing():
    meter = Meter()
    stream = meter.table("study", 10).streams[0]
    stream.add(5, 10)
    stream.reset()
    stream.add(1, 2)
    assert (counted(meter)["study"]["rows"], counted(meter)["study"]["bytes"]) == (1, 2)


def test_a_table_goes_from_waiting_to_done_and_its_rows_have_a_time_of_their_own():
    meter = Meter()
    table = meter.table("study", 10)
    assert counted(meter)["study"]["state"] == WAITING
    assert counted(meter)["study"]["began"] == 0
    seen = []
    for state in (LOADING, INDEXING, DONE):
        table.enter(state)
        seen.append(counted(meter)["study"])
    assert [one["state"] for one in seen] == [LOADING, INDEXING, DONE]
    assert len({one["began"] for one in seen}) == 1
    assert seen[0]["filled"] == 0 < seen[1]["filled"] == seen[2]["filled"]
    assert seen[1]["ended"] == 0 < seen[2]["filled"] <= seen[2]["ended"]
    table.enter(LOADING)  # bad rows: it starts over
    assert counted(meter)["study"]["filled"] == 0


def test_what_is_shown_last_is_seen_by_processes_that_were_forked_before():
    meter = Meter()
    meter.show({"phase": "plan"})
    table = meter.table("study", 10)
    table.streams[0].add(7, 8)
    for phase in ("create", "copy"):
        meter.show({"phase": phase, "text": "é" * 1000})
    seen = run_parallel([Job("reader", 1, meter.shown)], 1)["reader"]
    assert seen["phase"] == "copy"
    assert seen["text"] == "é" * 1000
    assert seen["tables"][0]["rows"] == 7


def test_more_than_fits_is_an_error_not_half_a_value():
    meter = Meter()
    meter.show({"phase": "plan"})
    with pytest.raises(ValueError, match="more than a meter can show"):
        meter.show({"phase": "x" * (2 << 20)})
    assert meter.shown()["phase"] == "plan"
    with pytest.raises(ValueError, match="no room"):
        meter.table("t", 1, streams=1 << 20)
