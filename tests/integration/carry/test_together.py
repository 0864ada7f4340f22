"""The host of the volume makes its steps of a switch in one call: in order, each as if it were a task."""

from __future__ import annotations

from dataclasses import replace

import pytest
from crash.module import EXCLUSIVE
from crash.volumes import A, B
from writes.place import Place
from writes.switch import INGEST, TITLES, TOGETHER, Switch, undo

from plugins.module_utils.reingest.runs.steps import read_steps

RUN = "20261201T000000Z-1"


@pytest.fixture
def place(templates):
    made = Place(templates, templates.root / "copy", portal=True)
    made.start()
    yield made
    made.remove()


def switch(place, tmp_path, **changes):
    """Make a switch as far as that call, with other options; return its answer and the run's steps of it."""
    steps, answer = Switch(place, RUN, INGEST, B, together=True).steps(), None
    while True:
        name, verb = steps.send(answer)
        if name == TOGETHER:
            given = {"work": str(tmp_path), **verb.params, **changes}
            before = len(read_steps(tmp_path, RUN))
            answer = replace(verb, params=given).call(place.volume)
            return answer, read_steps(tmp_path, RUN)[before:]
        answer = verb.call(place.volume)
        assert answer.succeeded, (name, answer.text)


def test_each_step_is_in_the_report_by_itself_and_in_order(place, tmp_path):
    answer, steps = switch(place, tmp_path)
    assert answer.succeeded, answer.text
    assert place.live == B
    assert [step["did"][0].split()[0] for step in steps] == [
        "stop", "carry", "stop", "move", "start", "start"
    ]  # fmt: skip
    assert all(step["changed"] and step["stage"] == "switch" for step in steps)
    assert answer.result["failed_step"] == ""
    assert answer.result["step"]["did"] == [line for step in steps for line in step["did"]]


def test_the_first_step_that_fails_is_the_last_and_is_named(place, tmp_path):
    answer, steps = switch(place, tmp_path, snapshot="20250101T000000Z", loaded="20250101T000000Z")
    assert not answer.succeeded
    assert answer.result["failed_step"] == "Promote the snapshot"
    assert [bool(step.get("failure")) for step in steps] == [False, False, False, True]
    assert answer.refused == steps[-1]["failure"]
    assert not place.process("db")
    undone = undo(place, RUN, answer.refused).call(place.volume)
    assert undone.succeeded, undone.text
    assert place.live == A
    assert place.process("db")


def test_a_switch_that_gets_longer_than_its_budget_goes_back_before_the_rename(place, tmp_path):
    sleeps_before_it_ends = "trap 'sleep 2; exit' TERM; while :; do sleep 0.1; done"
    place.writers.append({"name": "mailer", "command": ["/bin/sh", "-c", sleeps_before_it_ends]})
    started = place.group(RUN, place.writers, "started").call(place.volume)
    assert started.succeeded, started.text
    answer, steps = switch(place, tmp_path, deadline={"budget": 1.5, "parts": {"start_writers": 0.001}})
    assert answer.result["failed_step"] == "Carry the users' rows over"
    assert "reingest_outage_budget allows 1.5 s: the switch goes back" in answer.refused
    assert [step["did"][0].split()[0] for step in steps] == ["stop"]
    assert not place.process("portal")
    undone = undo(place, RUN, answer.refused).call(place.volume)
    assert undone.succeeded, undone.text
    assert place.live == A
    assert place.process("portal")


def test_after_the_rename_no_deadline_counts(place, tmp_path):
    late = {"budget": 0.001, "parts": {"start_writers": 60.0}}
    answer, _ = switch(place, tmp_path, deadline=late, steps=["start_production", "start_writers"])
    assert answer.succeeded, answer.text


def test_a_step_with_nothing_to_do_is_passed_over(place, tmp_path):
    answer, steps = switch(place, tmp_path, writers=[], rows="", opens=False)
    assert answer.succeeded, answer.text
    assert [step["did"][0].split()[0] for step in steps] == ["stop", "move", "start"]


def test_a_dry_run_plans_each_step_on_those_before_it(place, tmp_path):
    context = {"work": str(tmp_path), "snapshot": B, "loaded": B, "_ansible_check_mode": True, **EXCLUSIVE}
    services = {"production": place.production, "staging": place.staging, "writers": place.writers}
    steps = ["stop_writers", "stop_servers", "promote", "start_production", "start_writers"]
    answer = place.verb("switch_steps", RUN, steps=steps, **context, **services).call(place.volume)
    assert answer.succeeded, answer.text
    assert [line.split()[0] for line in answer.result["step"]["did"]][-2:] == ["start", "start"]
    assert answer.result["changed"]
    assert place.live == A
    assert {"db", "db-ingest", "portal"} <= {
        name for name in ("db", "db-ingest", "portal") if place.process(name)
    }


def test_the_windows_record_names_each_step(place, tmp_path):
    assert set(TITLES) >= {"Stop the writers", "Carry the users' rows over", "Promote the snapshot"}
    switch(place, tmp_path)
    assert place.step() == ""  # none works any more
