"""What an operator is told after Ctrl-C: what goes on, how it ends, and what to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.plugin_utils.interrupted import Stage, left_behind, stage_after, watchdog_seconds

ARGUMENTS = {"args": ["ingest.yml"], "inventory": ("inventories/demo",)}
ROOT = Path("/opt/reingest")


def after(*tasks):
    """Return the stage after these tasks: module, state, and whether it has ended."""
    stage = Stage()
    for module, arguments, ended in tasks:
        stage = stage_after(stage, module, arguments, ended=ended)
    return stage


BEGUN = ("run_begin", {}, False)
LOAD = ("ingest_load", {"show": "auto"}, False)
OPEN = ("switch_window", {"state": "opened"}, False)


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        ([], "Nothing was begun"),
        ([BEGUN], "The run still holds the volume; production serves"),
        ([BEGUN, ("ingest_load", {"plan_only": True}, False)], "The run still holds the volume"),
        ([BEGUN, LOAD], "The load goes on without this ansible-playbook"),
        ([BEGUN, ("loader_run", {}, False)], "The load goes on"),
        ([BEGUN, LOAD, ("ingest_load", {}, True)], "The run still holds the volume"),
        ([BEGUN, OPEN], "inside its switch: the portal is away"),
        ([BEGUN, OPEN, ("switch_window", {"state": "closed"}, False)], "the portal is away"),
        ([BEGUN, OPEN, ("switch_window", {"state": "closed"}, True)], "The run still holds the volume"),
        ([BEGUN, ("run_report", {}, True)], "Nothing was begun"),
    ],
)
def test_what_goes_on_is_told_by_where_the_run_was(tasks, told):
    assert told in left_behind(after(*tasks), ARGUMENTS, ROOT)[0]


def test_the_lines_to_paste_have_the_runs_own_inventory_and_the_collections_name():
    assert left_behind(after(BEGUN, LOAD), ARGUMENTS, ROOT)[1:3] == [
        "  ansible-playbook /opt/reingest/playbooks/status.yml -i inventories/demo",
        "  ansible-playbook /opt/reingest/playbooks/stop.yml -i inventories/demo",
    ]
    named = {"args": ["dataportal.reingest.ingest"], "inventory": ("my hosts",)}
    assert (
        left_behind(after(BEGUN), named, ROOT)[1]
        == "  ansible-playbook dataportal.reingest.recover -i 'my hosts'"
    )


def test_inside_the_switch_the_seconds_of_the_watchdog_are_told():
    assert watchdog_seconds({}, 1) == 60
    assert watchdog_seconds({"reingest_watchdog": "30"}, 3) == 150
    assert watchdog_seconds({"reingest_watchdog": "{{ x }}"}, 1) == 0
    assert "by itself 150 s after" in left_behind(after(BEGUN, OPEN), ARGUMENTS, ROOT, 150)[0]
    assert "by itself reingest_watchdog seconds after" in left_behind(after(BEGUN, OPEN), ARGUMENTS, ROOT)[0]
