from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[3] / "plugins/filter/reingest.py"
spec = importlib.util.spec_from_file_location("reingest_filter", PATH)
filters = importlib.util.module_from_spec(spec)
spec.loader.exec_module(filters)


def test_the_steps_that_hosts_gave_are_put_together_and_other_variables_stay_unread():
    class Variables(dict):
        def get(self, name, default=None):
            assert name == "__report_gathered", f"{name} was rendered"
            return super().get(name, default)

    hostvars = {
        "db": Variables(__report_gathered={"skipped": True}, secret="x"),
        "web": Variables(__report_gathered={"steps": [{"host": "web", "stage": "switch"}]}),
        "new": Variables(),
    }
    assert filters.reingest_steps(hostvars, ["db", "web", "new"]) == [{"host": "web", "stage": "switch"}]


def test_the_step_in_which_a_host_was_lost_is_named():
    steps = {"__stopped": "Stop the servers", "__started": "Start production"}
    hostvars = {
        "db": {"__stopped": {"changed": True}},
        "web": {"__stopped": {"changed": True}, "__started": {"unreachable": True}},
    }
    assert (
        filters.reingest_lost(hostvars, ["db", "web"], steps) == "Start production: contact with web was lost"
    )
    assert filters.reingest_lost(hostvars, ["db"], steps) == ""


def undo(live, *, ended_by="", stage="undo"):
    return {"live": live, "ended_by": ended_by, "step": {"stage": stage}}


@pytest.mark.parametrize(
    ("db", "web", "told"),
    [
        (undo("a"), undo(""), "the old production serves again"),
        (undo("b"), undo(""), "b serves: the switch was complete"),
        (undo(""), undo(""), "it was the first ingest: prod is absent and production stays stopped"),
        (undo("a", ended_by="its watchdog"), undo(""), "its watchdog had ended the switch by then; a serves"),
        (undo("a"), {"unreachable": True}, "NOT undone on web: its watchdog brings back what it can"),
        (undo("a"), undo("", stage="preflight"), "NOT undone on web"),
        ({"failed": True, "step": {"stage": "undo"}}, undo(""), "NOT undone on db"),
        ({"failed": True, "live": "a", "ended_by": ""}, undo(""), "NOT undone on db"),
    ],
)
def test_what_serves_after_an_undo_is_told_of_those_hosts_that_came_to_its_end(db, web, told):
    hostvars = {
        "db": {"__switchover_recovered_volume": db, "__switchover_recovered_writers": {"skipped": True}},
        "web": {"__switchover_recovered_volume": {"skipped": True}, "__switchover_recovered_writers": web},
    }
    assert filters.reingest_undone(hostvars, ["db", "web"], "a").startswith(told)


def test_services_get_what_the_inventory_says_of_them_and_nothing_else():
    named = filters.reingest_named(["front", "api"], {"api": {"health": {"container": True}}})
    assert named == [{"name": "front"}, {"name": "api", "health": {"container": True}}]
