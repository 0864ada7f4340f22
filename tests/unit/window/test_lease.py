"""Signs of life: who works now, when a run is presumed dead, and that no clock that is set matters."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.lock_file import try_lock
from plugins.module_utils.reingest.window.lease import (
    Busy,
    given_up,
    held,
    refresh,
    silence,
    watchdog_process,
    watched,
    watching,
    worker,
    working,
)
from plugins.module_utils.reingest.window.window_record import boottime, write_window


def hold(records, ready, recovers):
    with held(records, "x", recovers=recovers):
        ready.set()
        time.sleep(60)


@pytest.fixture
def holder(records):
    """Return ``start()``, which starts a process that holds the window."""
    context = multiprocessing.get_context("fork")
    started = []

    def start(*, recovers=False):
        ready = context.Event()
        process = context.Process(target=hold, args=(records, ready, recovers))
        process.start()
        started.append(process)
        assert ready.wait(30)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


def test_a_run_that_was_just_heard_of_is_alive(records, make_window):
    window = make_window(opened=boottime() - 3600, watchdog=5.0)
    write_window(records, window)
    assert given_up(records, window)
    refresh(records)
    assert not given_up(records, window)
    assert silence(records, window) < 5


def test_a_silent_run_is_given_up_after_its_time_and_not_before(records, make_window):
    write_window(records, make_window())
    assert not given_up(records, make_window(opened=boottime() - 4.0, watchdog=5.0))
    assert given_up(records, make_window(opened=boottime() - 6.0, watchdog=5.0))


def test_a_machine_that_was_started_anew_gives_its_run_up_at_once(records, make_window):
    write_window(records, make_window())
    refresh(records)
    assert given_up(records, make_window(boot="another"))


def test_a_lease_of_another_boot_says_nothing(records, make_window):
    write_window(records, make_window())
    (records / "window.lease").write_text(json.dumps({"boot": "another", "at": boottime() + 1e6}))
    assert given_up(records, make_window(opened=boottime() - 6.0, watchdog=5.0))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"boot": 1}'])
def test_a_lease_that_is_none_says_nothing(records, make_window, content):
    write_window(records, make_window())
    (records / "window.lease").write_text(content)
    assert given_up(records, make_window(opened=boottime() - 6.0, watchdog=5.0))


def test_a_file_time_in_the_future_or_the_past_does_not_matter(records, make_window):
    write_window(records, make_window())
    refresh(records)
    for moment in (0, time.time() + 1e6):
        os.utime(records / "window.lease", (moment, moment))
        assert not given_up(records, make_window(opened=boottime() - 6.0, watchdog=5.0))


def test_who_works_is_told_and_is_gone_with_its_process(records, holder):
    assert worker(records) is None
    process = holder()
    found = worker(records)
    assert (found.pid, found.run, found.recovers) == (process.pid, "x", False)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert worker(records) is None


def test_a_second_step_waits_no_longer_than_it_may(records, holder):
    process = holder()
    began = time.monotonic()
    with pytest.raises(Busy, match=f"process {process.pid} of run x"), held(records, "y", patience=0.3):
        pass
    assert 0.3 <= time.monotonic() - began < 10


def test_a_lock_file_that_cannot_be_opened_is_a_refusal_that_names_it(records):
    records.mkdir(parents=True)
    (records / "window.lock").symlink_to("elsewhere")
    with pytest.raises(Refusal, match=rf"^{records}/window\.lock cannot be changed"), held(records, "x"):
        pass


def test_a_step_works_only_in_the_open_window_of_its_run(records, make_window):
    write_window(records, make_window())
    with working(records, "x", patience=0):
        assert worker(records).run == "x"
    with pytest.raises(Refusal, match="not open"), working(records, "y", patience=0):
        raise AssertionError


def test_a_step_gives_a_sign_when_it_begins_and_when_it_ends_however(records, make_window):
    window = make_window(opened=boottime() - 100)
    write_window(records, window)

    def step():
        with working(records, "x", patience=0):
            assert silence(records, window) < 50
            (records / "window.lease").unlink()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        step()
    assert silence(records, window) < 50


def test_without_a_window_a_step_works_as_it_did(records):
    with working(None, "x", patience=0):
        assert not records.exists()


def test_one_watcher_watches(records):
    records.mkdir(parents=True)
    assert not watched(records)
    with watching(records) as first:
        assert first
        assert watched(records)
        with watching(records) as second:
            assert not second
    assert not watched(records)


def test_a_watchdog_that_has_not_said_who_it_is_is_not_taken_for_the_one_before(records):
    records.mkdir(parents=True)
    with watching(records):
        pass
    words = records / "window.watcher"
    words.write_text(json.dumps({**json.loads(words.read_text()), "pid": 2**22 + 1}))  # it ended since
    with words.open("r+") as lock:
        assert try_lock(lock)
        assert watchdog_process(records) is None
