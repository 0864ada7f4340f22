"""What a run tells the control service, as the service reads it."""

from __future__ import annotations

import stat
import threading
from types import SimpleNamespace

import pytest

from plugins.callback.job_events import CallbackModule
from plugins.plugin_utils.job_folder import FOLDER
from service.jobs import folder as folders
from service.jobs.cancel import refuse_in_window
from service.jobs.progress import failure_of, progress_of


def task(action, name="A task", **arguments):
    return SimpleNamespace(
        action=f"dataportal.reingest.{action}", args=arguments, get_name=lambda: name, _uuid="1"
    )


def result(of, **values):
    return SimpleNamespace(task=of, result=values, host=SimpleNamespace(get_name=lambda: "db"))


@pytest.fixture
def callback(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return CallbackModule()


def test_without_a_job_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    callback = CallbackModule()
    assert callback.disabled
    callback.v2_runner_on_ok(result(task("run_report"), report={"outcome": "done"}))
    assert list(tmp_path.iterdir()) == []


def test_the_service_reads_where_a_run_is_why_it_failed_and_its_report(callback, tmp_path):
    callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: "Load the release"))
    named = result(task("set_fact"), ansible_facts={"stage_run_id": "20261123T114500Z-4711"})
    callback.v2_runner_on_ok(named)
    callback.v2_playbook_on_task_start(task("ingest_load", "Load"), is_conditional=False)
    callback.v2_runner_on_failed(result(task("ingest_load", "Load"), msg="disk full", dsn="secret"))
    callback.v2_runner_on_ok(result(task("run_report"), report={"outcome": "failed"}))
    found = progress_of(tmp_path)
    assert (found["run"], found["play"], found["task"]) == (
        "20261123T114500Z-4711",
        "Load the release",
        "Load",
    )
    assert failure_of(tmp_path) == "disk full"
    assert folders.read(tmp_path / "report.json") == {"outcome": "failed"}
    assert b"secret" not in (tmp_path / "events.jsonl").read_bytes()
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_window_that_opens_waits_for_a_cancel_that_is_under_way_and_forbids_the_next(callback, tmp_path):
    with pytest.raises(Exception, match="not told yet"):
        refuse_in_window(tmp_path)
    callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: "Switch production"))
    opening = task("switch_window", state="opened")
    start = threading.Thread(
        target=callback.v2_playbook_on_task_start, args=(opening,), kwargs={"is_conditional": False}
    )
    with folders.held(tmp_path):
        start.start()
        refuse_in_window(tmp_path)  # still before it
        assert start.is_alive()
    start.join()
    with pytest.raises(Exception, match="inside its switch"), folders.held(tmp_path):
        refuse_in_window(tmp_path)
    closing = task("switch_window", state="closed")
    callback.v2_playbook_on_task_start(closing, is_conditional=False)
    with pytest.raises(Exception, match="inside its switch"):
        refuse_in_window(tmp_path)
    callback.v2_runner_on_ok(result(closing))
    refuse_in_window(tmp_path)
