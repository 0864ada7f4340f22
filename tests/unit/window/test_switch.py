"""A window is opened with a live watchdog before anything is stopped, and closed once it is proven."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest
from waiting import wait_for

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.volume.lock import Claim, claim
from plugins.module_utils.reingest.window.closing import close_proven, close_window
from plugins.module_utils.reingest.window.launch import end_watchdog
from plugins.module_utils.reingest.window.lease import refresh, silence, watchdog_process, watched
from plugins.module_utils.reingest.window.opening import open_window, refuse_open
from plugins.module_utils.reingest.window.window_record import (
    boottime,
    read_closed,
    read_window,
    write_window,
)

A, B = "20261101T000000Z", "20261102T000000Z"
OPERATOR = "0000-0002-1825-0097"
ANOTHER = "the window of run x is open on this host since 2026-11-24T10:00:00.*recover.yml"


@pytest.fixture(autouse=True)
def no_watchdog_stays(records):
    yield
    if records.is_dir():
        end_watchdog(records)


class TestOpening:
    def test_the_record_is_written_and_a_process_of_its_own_watches(self, records, make_window):
        window = make_window(opened=boottime() - 30)
        open_window(records, window)
        assert read_window(records) == window
        found = watchdog_process(records)
        assert found.pid != os.getpid()
        assert started_at(found.pid) == found.started
        assert silence(records, window) < 30  # it counts from here, not from when the window was described

    def test_opened_twice_by_one_run_it_is_the_first_window_and_the_first_watchdog(
        self, records, make_window
    ):
        first = make_window()
        open_window(records, first)
        watching = watchdog_process(records)
        open_window(records, make_window(snapshot=A))
        assert (read_window(records), watchdog_process(records)) == (first, watching)

    def test_a_watchdog_that_was_killed_is_replaced_by_the_next_call(self, records, make_window):
        open_window(records, make_window())
        killed = watchdog_process(records)
        os.kill(killed.pid, signal.SIGKILL)
        wait_for(lambda: not watched(records))
        open_window(records, make_window())
        assert watchdog_process(records).pid != killed.pid

    def test_beside_the_window_of_another_run_it_is_refused_and_nothing_changes(self, records, make_window):
        theirs = make_window()
        write_window(records, theirs)
        for refused in (
            lambda: open_window(records, make_window(run="y")),
            lambda: refuse_open(records, "y"),
        ):
            with pytest.raises(Refusal, match=ANOTHER):
                refused()
        assert read_window(records) == theirs
        assert not watched(records)

    def test_a_dry_run_of_the_run_whose_window_is_open_is_not_refused(self, records, make_window):
        refuse_open(records, "x")
        write_window(records, make_window())
        refuse_open(records, "x")

    def test_a_run_that_does_not_hold_the_volume_lock_opens_none(self, site, records, make_window):
        site.claim("y")
        with pytest.raises(Refusal, match="the volume is held by run y"):
            open_window(records, make_window(volume=str(site.volume.root)))
        assert read_window(records) is None
        assert not watched(records)

    @pytest.mark.full
    def test_without_a_watchdog_it_is_refused_before_anything_is_stopped(self, records, make_window):
        (records / "watchdog.log").mkdir(parents=True)  # what it writes to: it cannot start
        with pytest.raises(Refusal, match="nothing was stopped"):
            open_window(records, make_window())
        assert not watched(records)


@pytest.fixture
def switched(site, records, make_window):
    """Return a window whose run has promoted B in the place of A and holds the volume lock."""
    site.serve(A)
    site.load(B)
    claim(site.volume, Claim("x", OPERATOR, "", 0, "", "2026-11-24T10:00:00+00:00"), take_over="load")
    window = make_window(volume=str(site.volume.root), snapshot=B, previous=A)
    open_window(records, window)
    site.promote(run="x")
    return window


class TestClosing:
    def closed(self, records, run="x"):
        return close_proven(records, run=run, operator=OPERATOR)

    def test_the_snapshot_is_good_and_neither_record_nor_watchdog_stays(self, site, records, switched):
        watching = watchdog_process(records)
        assert self.closed(records) == B
        assert site.events()[-1] == ("good", B)
        assert read_window(records) is None
        assert started_at(watching.pid) is None
        assert (read_closed(records).by, read_closed(records).live) == ("run x", B)

    def test_what_else_should_run_is_started_before_it_is_closed(self, site, records, switched, run_module):
        def close(**service):
            context = {"records": str(records), "engine": "process", "start_timeout": 0.2, "window": True}
            writers = [{"name": "mailer", **service}]
            return run_module(
                "switch_window", state="closed", run="x", operator=OPERATOR, writers=writers, **context
            )

        refused = close(command=["sleep", "600"], health={"tcp": "127.0.0.1:1"})
        assert "mailer is not healthy" in refused["msg"]
        assert read_window(records) is not None
        closed = close(command=["sleep", "600"])
        try:
            assert (closed["live"], closed["open"]) == (B, False)
            assert read_window(records) is None
        finally:
            run_module(
                "service_group",
                state="stopped",
                engine="process",
                records=str(records),
                services=[{"name": "mailer", "command": ["sleep", "600"]}],
            )

    def test_where_nothing_was_switched_it_only_starts_what_should_run(self, records, run_module):
        mailer = [{"name": "mailer", "command": ["sleep", "600"]}]
        given = {"engine": "process", "records": str(records)}
        made = run_module(
            "switch_window", state="closed", run="x", operator=OPERATOR, writers=mailer, **given
        )
        run_module("service_group", state="stopped", services=mailer, **given)
        assert (made["changed"], made["step"]["did"]) == (True, ["start mailer"])

    def test_a_step_that_is_started_again_finds_it_closed(self, site, records, switched):
        self.closed(records)
        assert self.closed(records) == B
        assert site.events().count(("good", B)) == 1

    def test_what_was_proven_already_is_not_told_twice(self, site, records, switched):
        site.record("good", B, "x")
        assert self.closed(records) == B
        assert site.events().count(("good", B)) == 1

    def test_a_snapshot_that_is_not_what_the_switch_was_for_is_not_called_good(self, site, records, switched):
        write_window(records, replace(switched, snapshot="20261103T000000Z"))
        assert self.closed(records) == B
        assert ("good", B) not in site.events()

    def test_a_run_whose_window_was_closed_by_somebody_else_is_refused(self, site, records, switched):
        close_window(records, switched, by="somebody else", live=A)
        with pytest.raises(Refusal, match="the window of run x was closed by somebody else"):
            self.closed(records)
        assert ("good", B) not in site.events()

    def test_another_run_is_refused_and_the_window_stays_open(self, records, switched):
        with pytest.raises(Refusal, match="the window of run y is not open on this host"):
            self.closed(records, "y")
        assert read_window(records) == switched
        assert watched(records)

    def test_a_run_that_lost_the_volume_lock_is_refused_and_the_window_stays_open(
        self, site, records, switched
    ):
        claim(site.volume, Claim("y", OPERATOR, "", 0, "", "2026-11-24T10:00:00+00:00"), take_over="x")
        with pytest.raises(Refusal, match="the volume is held by run y"):
            self.closed(records)
        assert read_window(records) == switched
        assert ("good", B) not in site.events()

    def test_on_a_host_without_the_volume_nothing_is_live(self, records, make_window):
        write_window(records, make_window())
        refresh(records)
        assert self.closed(records) == ""
        assert read_window(records) is None
        assert list(records.glob("window.lease*")) == []


class TestMaintenance:
    def test_it_is_answered_once_the_watchdog_knows_how_to_take_it_back(self, records, run_module, tmp_path):
        said, off = tmp_path / "said", ["rm", str(tmp_path / "said")]

        def opened(on, **more):
            return run_module(
                "switch_window",
                state="opened",
                run="x",
                operator=OPERATOR,
                engine="process",
                records=str(records),
                maintenance_on=on,
                maintenance_off=off,
                **more,
            )

        assert opened(["touch", str(said)], check=True)["step"]["did"] == [
            "run touch (reingest_maintenance_on)"
        ]
        assert not said.exists()
        refused = opened(["false"])
        assert "false (reingest_maintenance_on) fails with 1" in refused["msg"]
        assert read_window(records).maintenance_off == tuple(off)
        assert opened(["touch", str(said)])["open"]
        assert said.exists()
