from __future__ import annotations

import importlib.util
from pathlib import Path

PATH = Path(__file__).parents[3] / "plugins/filter/reingest.py"
spec = importlib.util.spec_from_file_location("reingest_filter", PATH)
filters = importlib.util.module_from_spec(spec)
spec.loader.exec_module(filters)


def result(started, stage="load"):
    return {
        "changed": True,
        "step": {"stage": stage, "started": started, "seconds": 1, "changed": True, "did": [], "detail": {}},
    }


def test_steps_of_all_hosts_come_in_the_order_of_their_start_with_their_host():
    hostvars = {
        "db": {"__switchover_promotion": result("2026-11-23T12:00:09"), "reingest_volume": "/srv/pg"},
        "worker": {"__load_done": result("2026-11-23T12:00:05")},
    }
    steps = filters.reingest_steps(hostvars, ["db", "worker"])
    assert [(step["host"], step["started"][-2:]) for step in steps] == [("worker", "05"), ("db", "09")]


def test_skipped_results_and_other_variables_are_passed_over_unread():
    class Variables(dict):
        def __getitem__(self, name):
            assert name.startswith("__"), f"{name} was rendered"
            return super().__getitem__(name)

    hostvars = {"db": Variables(__load_done={"skipped": True}, secret="x", __name="y")}
    assert filters.reingest_steps(hostvars, ["db"]) == []


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


def test_services_get_what_the_inventory_says_of_them_and_nothing_else():
    named = filters.reingest_named(["front", "api"], {"api": {"health": {"container": True}}})
    assert named == [{"name": "front"}, {"name": "api", "health": {"container": True}}]
