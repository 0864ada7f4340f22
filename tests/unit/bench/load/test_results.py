"""The benchmark's figures: medians, ratios to the floor of the same round, and the goals that are missed."""

from __future__ import annotations

import json

import pytest
from bench.load.context import Sample
from bench.load.measure import Cost
from bench.load.results import Results
from bench.load.table import markdown


def sample(seconds, peak_mb=50.0, **parts):
    return Sample(seconds, Cost(seconds + 1, 2.0, 3.0, peak_mb), parts)


@pytest.fixture
def results():
    """Three rounds on a machine that gets slower; the floor takes 10, 20 and 40 s."""
    results = Results(4_000)
    for number, floor in enumerate((10, 20, 40)):
        for noise in (-1, 0, 5):
            results.add_floor(number, (floor + noise, floor / 2))
        results.add_case(number, "csv_1", sample(floor * 1.04, copy=floor * 1.04))
        results.add_case(number, "csv_2", sample(floor * 0.7))
        results.add_case(number, "end_to_end", sample(floor * 2))
        results.add_small("csv_2", sample(1, peak_mb=40.0))
        results.add_peer(number, "pg_restore_2", sample(floor * 3), 4_000)
    results.add_peer(0, "sqlalchemy_orm", sample(5), 1_000)
    results.add_unavailable("pgcopydb", "no such package")
    return results


def test_a_ratio_is_to_the_floor_of_the_same_round(results):
    figures = results.figures()
    assert figures["floor_s"] == 20
    assert figures["cases"]["csv_1"]["ratio"] == 1.04
    assert figures["cases"]["csv_1"]["ratios"] == [1.04, 1.04, 1.04]
    assert figures["cases"]["csv_1"]["median_s"] == 20.8
    assert figures["cases"]["csv_1"]["parts_s"] == {"copy": 20.8}
    assert figures["end_to_end_to"] == {"pg_restore_2": 0.667}


def test_times_of_a_sample_of_the_rows_are_extrapolated_and_marked(results):
    peer = results.figures()["peers"]["sqlalchemy_orm"]
    assert (peer["rows"], peer["extrapolated"], peer["rounds"]) == (1_000, True, 1)
    assert (peer["median_s"], peer["ratio"], peer["rows_s"]) == (20, 2, 200)


def test_missed_goals_are_named(results):
    figures = results.figures()
    assert figures["memory_growth_4x"] == 0.25
    assert figures["missed"] == ["csv_2: 0.7 of the floor, not 0.6", "csv_2: memory grows by 25%"]
    for number in range(3):
        results.add_peer(number, "pg_restore_2", sample(1), 4_000)
    assert any(one.startswith("end_to_end: ") for one in results.figures()["missed"])


def test_the_table_has_every_case_and_says_what_could_not_be_had(results):
    facts = {"csv_bytes": 480_000, "server": "16.14", "settings": {"fsync": "off"}, "machine": "2 cores"}
    written = json.loads(json.dumps({**results.figures(), **facts}))
    lines = markdown(written).splitlines()
    assert "| `csv_1` | 1.05 | 1.04 | 20.8 | 192 | 2.0 | 3.0 | 50 |" in lines
    assert any(line.startswith("| sqlalchemy_orm, extrapolated from 1,000 rows |") for line in lines)
    assert any("could not be had: no such package" in line for line in lines)
    assert "| `csv_1` | 21.8 | 1.0 | 20.8 |" in lines
    assert "- `end_to_end` takes 0.67 of pg_restore_2 (goal: less than 1)." in lines
