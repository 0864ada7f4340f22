"""How long services took to start and to stop before: kept on the volume, and never a reason to refuse."""

from __future__ import annotations

import json

import pytest

from plugins.module_utils.reingest.volume.layout import open_volume
from plugins.module_utils.reingest.volume.times_record import Times, earlier_times, keep_times


@pytest.fixture
def volume(tmp_path):
    (tmp_path / "staging").mkdir()
    (tmp_path / "ingest").mkdir()
    return open_volume(tmp_path)


def step(**took):
    return {"stage": "switch", "detail": {"took": took}}


def test_the_longest_start_of_all_runs_and_hosts_is_known(volume):
    assert earlier_times(volume).longest_start == 0
    keep_times(volume, [step(started={"db": 1.5}), step(started={"backend": 12.25}, stopped={"db": 99.0})])
    keep_times(volume, [step(started={"backend": 4.0})])
    found = earlier_times(volume)
    assert found.longest_start == 12.25
    assert found.started == {"db": (1.5,), "backend": (12.25, 4.0)}
    assert found.stopped == {"db": (99.0,)}


def test_a_run_that_started_nothing_writes_nothing(volume):
    keep_times(volume, [{"stage": "load", "detail": {}}, {"stage": "load"}])
    assert not volume.times.exists()


def test_only_the_last_times_are_kept(volume):
    for number in range(30):
        keep_times(volume, [step(started={"db": float(number)})])
    assert earlier_times(volume).started["db"] == tuple(map(float, range(10, 30)))


@pytest.mark.attack
@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        json.dumps({"started": {"db": ["x", None, -1, True, float("inf")]}}),
        json.dumps({"started": []}),
        "[" * 5000,
    ],
)
def test_what_cannot_be_read_is_nothing(volume, content):
    keep_times(volume, [step(started={"db": 1.0})])
    volume.times.write_text(content)
    assert earlier_times(volume) == Times({}, {})
    keep_times(volume, [step(started={"db": 2.0}), step(started={"db": "long", "x": float("nan")})])
    assert earlier_times(volume).started == {"db": (2.0,)}


def test_a_day_is_no_time_to_wait_for_because_one_start_took_it(volume):
    keep_times(volume, [step(started={"db": 86400.0})])
    assert earlier_times(volume).longest_start == 3600
