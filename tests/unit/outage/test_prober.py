"""The prober as a process: it looks until it is told to end or its run is gone, and leaves what it saw."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from unit.outage.portal import serving
from waiting import wait_for

from plugins.module_utils.reingest.fs.lock_file import worker_at
from plugins.module_utils.reingest.host.boot import machine
from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.outage.probe_record import LOCK, end_prober
from plugins.module_utils.reingest.outage.prober import Run, start
from plugins.module_utils.reingest.outage.request import Target

EVERY_S = 0.02


@pytest.fixture
def portal():
    with serving() as found:
        yield found


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "run"
    end_prober(tmp_path / "run")


def a_run(**options):
    mine = {"controller": machine(), "process": os.getpid(), "process_started": started_at(os.getpid())}
    return Run(**{"run": "r", **mine, "linger": 0.2, "longest": 0.0, **options})


def begin(portal, folder, **options):
    return start(folder, Target(portal.url, "release", 10.0), EVERY_S, a_run(**options))


def alive(folder):
    return worker_at(folder / LOCK) is not None


def test_it_sees_the_outage_of_a_portal_that_is_stopped_and_comes_back(folder):
    with serving() as before:
        port = before.port
        assert begin(before, folder) == ""
        wait_for(lambda: len(before.asked) > 5)
        stopped = time.monotonic()
    time.sleep(0.4)
    with serving(port) as after:
        after.release = "r2"
        started = time.monotonic()
        wait_for(lambda: len(after.asked) > 5)
        seen = end_prober(folder)
    assert not alive(folder)
    assert started - stopped - 0.1 < seen.outage_s < started - stopped + 5
    assert seen.failed > 5
    assert (seen.release, seen.new_release, len(seen.gaps)) == ("r1", "r2", 1)


def test_it_asks_one_request_at_a_time_each_so_long_after_the_one_before_began(portal, folder):
    portal.wait = 0.2
    assert start(folder, Target(portal.url, "", 10.0), 0.4, a_run()) == ""
    wait_for(lambda: len(portal.asked) > 7)
    end_prober(folder)
    moments = [at for at, *_ in portal.asked[2:]]
    gaps = sorted(later - earlier for earlier, later in zip(moments, moments[1:]))
    assert 0.35 < gaps[len(gaps) // 2] < 0.55  # not 0.6: it counts from when a request began
    assert portal.most_at_once == 1


def test_started_twice_by_its_run_it_is_there_once(portal, folder):
    assert begin(portal, folder) == ""
    who = process(folder)
    assert begin(portal, folder) == ""
    assert process(folder) == who


def process(folder):
    """Return the prober's process, once it has said which it is."""
    return wait_for(lambda: (who := worker_at(folder / LOCK)) and who.pid and who)


def test_its_process_keeps_no_file_and_no_session_of_the_module(portal, folder, tmp_path):
    with (tmp_path / "held").open("w"):
        assert begin(portal, folder) == ""
        pid = process(folder).pid
        opened = [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()]
    assert os.getsid(pid) != os.getsid(0)
    assert str(folder / LOCK) in opened
    assert str(tmp_path / "held") not in opened


def test_it_ends_a_declared_time_after_the_process_of_its_run_is_gone(portal, folder):
    with subprocess.Popen(["sleep", "60"]) as run:
        options = {"process": run.pid, "process_started": started_at(run.pid), "linger": 0.3}
        assert begin(portal, folder, **options) == ""
        time.sleep(0.6)
        assert alive(folder)  # however long that takes, while its run lives
        run.kill()
    gone = time.monotonic()
    wait_for(lambda: not alive(folder))
    assert 0.25 < time.monotonic() - gone < 20
    assert end_prober(folder).probes > 10


@pytest.mark.parametrize("other", [{"controller": "elsewhere/boot/1"}, {"process": 0}])
def test_where_it_cannot_see_its_run_it_ends_after_the_longest_time_of_a_window(portal, folder, other):
    began = time.monotonic()
    assert begin(portal, folder, longest=0.3, linger=0.2, **other) == ""
    wait_for(lambda: not alive(folder))
    assert 0.45 < time.monotonic() - began < 20


def test_what_it_saw_is_there_also_when_it_is_killed(portal, folder):
    assert begin(portal, folder) == ""
    wait_for((folder / "probe.json").exists)
    os.kill(process(folder).pid, signal.SIGKILL)
    wait_for(lambda: not alive(folder))
    assert end_prober(folder).probes >= 1


def test_it_ends_when_the_runs_folder_is_taken_away(portal, folder):
    assert begin(portal, folder) == ""
    who = process(folder)
    folder.rename(folder.with_name("away"))
    wait_for(lambda: started_at(who.pid) != who.started)


def test_a_portal_that_is_away_or_cannot_be_asked_is_not_measured_and_leaves_no_process(portal, folder):
    portal.status = 503
    assert begin(portal, folder) == "the portal gives no good answer before the window: it answers 503"
    nowhere = Target("https://portal.invalid/", "", 5.0)
    assert start(folder, nowhere, EVERY_S, a_run()).startswith("its name is not found")
    assert not folder.exists()


def test_one_lost_request_does_not_keep_it_from_measuring(portal, folder):
    portal.status = 503
    threading.Timer(0.25, lambda: setattr(portal, "status", 200)).start()
    assert begin(portal, folder) == ""


def test_who_had_no_prober_ends_none(tmp_path):
    assert end_prober(tmp_path) is None
    (tmp_path / "probe.json").write_text('{"ended": "", "seen": {"probes": "many"}}')
    assert end_prober(tmp_path) is None
