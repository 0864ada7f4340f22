"""The watchdog acts when its run is presumed dead and not before, with plain processes as the services."""

from __future__ import annotations

import multiprocessing
import sys
import time

import pytest
from waiting import wait_for

from plugins.module_utils.reingest.engines.process.engine import ProcessEngine
from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.volume import lock
from plugins.module_utils.reingest.volume.lock import Claim, claim, holder, renew
from plugins.module_utils.reingest.window import lease, watchdog
from plugins.module_utils.reingest.window.lease import held, refresh, watching
from plugins.module_utils.reingest.window.window_record import (
    boottime,
    read_closed,
    read_window,
    remove_window,
    services,
    write_window,
)

A, B = "20261101T000000Z", "20261102T000000Z"
OPERATOR = "0000-0002-1825-0097"
SLEEP = {"command": ["sleep", "600"]}
SILENT = {"watchdog": 5.0}


@pytest.fixture
def make_silent(records, make_window):
    """Return ``make(**changes)``: opens a window whose run was last heard of ten seconds ago."""
    made = []

    def make(**changes):
        given = {"writers": ({"name": "backend", **SLEEP},), "opened": boottime() - 10, **SILENT}
        window = make_window(**{**given, **changes})
        write_window(records, window)
        made.append(window)
        return window

    yield make
    engine = ProcessEngine(records)
    for window in made:
        for one in services((*window.production, *window.staging, *window.writers)):
            engine.stop(one, 5.0)


@pytest.fixture
def beside():
    """Return ``start(function, *arguments)``: runs it in a process of its own, which is ended at the end."""
    context = multiprocessing.get_context("fork")
    made = []

    def start(function, *arguments):
        process = context.Process(target=function, args=arguments)
        process.start()
        made.append(process)
        return process

    yield start
    for process in made:
        process.kill()
        process.join()


def running(records, window):
    engine = ProcessEngine(records)
    every = services((*window.production, *window.staging, *window.writers))
    return {one.name for one in every if engine.running(one)}


def log(records):
    return (records / "watchdog.log").read_text()


def test_the_services_of_a_silent_run_are_started_and_its_window_is_closed(records, make_silent):
    window = make_silent()
    watchdog.watch(records)
    assert running(records, window) == {"backend"}
    assert read_window(records) is None
    assert read_closed(records).run == "x"
    assert read_closed(records).by != "run x"
    assert "start backend" in log(records)


def test_a_machine_that_was_restarted_is_recovered_at_once(records, make_silent):
    window = make_silent(boot="another", opened=boottime(), watchdog=3600.0)
    refresh(records)
    watchdog.watch(records)
    assert running(records, window) == {"backend"}
    assert read_window(records) is None


def test_a_run_that_gives_signs_of_life_is_left_alone_until_it_closes_its_window(
    records, make_silent, beside
):
    window = make_silent()
    refresh(records)
    process = beside(watchdog.watch, records)
    for _ in range(4):
        refresh(records)
        process.join(1)
        assert process.is_alive()
    assert running(records, window) == set()
    remove_window(records, window, by="run x", at="now", live="")
    process.join(30)
    assert process.exitcode == 0
    assert running(records, window) == set()


def test_the_window_of_a_later_run_is_none_of_its_business(records, make_silent, beside):
    make_silent(watchdog=3600.0)
    process = beside(watchdog.watch, records)
    process.join(1.5)
    assert process.is_alive()
    later = make_silent(run="y", watchdog=3600.0)
    process.join(30)
    assert process.exitcode == 0
    assert read_window(records) == later


def hold(records, run, seconds):
    with held(records, run):
        time.sleep(seconds)


def test_a_step_that_works_is_no_silence_however_long_it_takes(records, make_silent, beside):
    window = make_silent(watchdog=5.0, stop_timeout=60.0)
    step = beside(hold, records, "x", 600)
    wait_for(lambda: is_held(records))
    process = beside(watchdog.watch, records)
    process.join(3)
    assert process.is_alive()
    assert step.is_alive()
    assert running(records, window) == set()
    step.kill()  # its machine lives: only now the run is silent
    process.join(30)
    assert process.exitcode == 0
    assert running(records, window) == {"backend"}


def is_held(records):
    return lease.worker(records) is not None


def test_a_step_that_hangs_for_longer_than_any_may_is_ended(records, make_silent, beside):
    window = make_silent(watchdog=1.0, stop_timeout=1.0, start_timeout=1.0)
    step = beside(hold, records, "x", 600)
    wait_for(lambda: is_held(records))
    watchdog.watch(records)
    assert started_at(step.pid) is None
    assert f"process {step.pid} of run x works for more than 3 s" in log(records)
    assert running(records, window) == {"backend"}


def test_what_cannot_be_started_is_tried_again_until_it_can(records, make_silent, beside, tmp_path):
    there = tmp_path / "there"
    script = f"test -e {there} || exit 1; exec sleep 600"
    window = make_silent(writers=({"name": "backend", "command": ["sh", "-c", script]},))
    process = beside(watchdog.watch, records)
    wait_for(lambda: (records / "watchdog.log").exists() and "not done" in log(records))
    assert read_window(records) == window  # the record stays, so that nobody takes the host for whole
    there.touch()
    process.join(30)
    assert process.exitcode == 0
    assert running(records, window) == {"backend"}
    assert read_window(records) is None


class TestWithTheVolume:
    @pytest.fixture
    def cut_short(self, site, make_silent):
        """Return a window whose run has promoted B in the place of A, and went silent."""
        site.serve(A)
        site.load(B)
        claim(site.volume, Claim("x", OPERATOR, "", 0, "", "2026-11-24T10:00:00+00:00"), take_over="load")
        site.promote(run="x")
        services_here = {name: ({"name": name, **SLEEP},) for name in ("production", "staging")}
        return make_silent(volume=str(site.volume.root), snapshot=B, previous=A, **services_here)

    def test_a_switch_past_its_commit_point_is_completed_and_the_volume_given_back(
        self, site, records, cut_short
    ):
        watchdog.watch(records)
        assert running(records, cut_short) == {"production", "staging", "backend"}
        assert (site.volume.live(), site.events()[-1]) == (B, ("good", B))
        assert read_closed(records).live == B
        assert holder(site.volume) is None

    def test_the_dead_run_can_change_nothing_while_it_recovers(self, site, records, cut_short, beside):
        step = beside(hold_verb, site.volume, "x")  # it works on the volume still
        wait_for(lambda: works(site.volume))
        watchdog.watch(records)
        assert started_at(step.pid) is None
        assert site.events()[-1] == ("good", B)

    def test_the_volume_of_another_run_that_lives_is_not_taken(self, site, records, cut_short, beside):
        claim(site.volume, Claim("y", OPERATOR, "", 0, "", "2026-11-24T10:00:00+00:00"), take_over="x")
        process = beside(watchdog.watch, records)
        for _ in range(14):
            process.join(0.5)
            renew(site.volume, "y", f"works {time.monotonic()}")
        assert process.is_alive()
        assert holder(site.volume).run == "y"
        assert running(records, cut_short) == set()
        assert "held by run y" in log(records)

    def test_that_of_another_run_that_died_too_is_taken(self, site, records, cut_short):
        claim(site.volume, Claim("y", OPERATOR, "", 0, "", "2026-11-24T10:00:00+00:00"), take_over="x")
        watchdog.watch(records)
        assert running(records, cut_short) == {"production", "staging", "backend"}
        assert holder(site.volume) is None


def hold_verb(volume, run):
    with lock.verb(volume, run):
        time.sleep(600)


def works(volume):
    found = lock.worker(volume)
    return found is not None and found.pid != 0


def run_main(records):
    sys.argv = ["reingest-watch", str(records)]
    watchdog.main()


def test_a_second_one_leaves_at_once(records, make_silent):
    window = make_silent()
    with watching(records):
        run_main(records)
    assert read_window(records) == window
    run_main(records)
    assert read_window(records) is None


def test_without_a_folder_or_a_window_there_is_nothing_to_watch(records):
    run_main(records)
    assert not records.exists()
    records.mkdir(parents=True)
    run_main(records)
    assert [path.name for path in records.iterdir()] == ["window.watcher"]
