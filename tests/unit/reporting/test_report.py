from __future__ import annotations

from datetime import datetime, timezone

import pytest

from plugins.module_utils.reingest.reporting.report import DONE, FAILED, PLANNED, make_report, report_lines

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=timezone.utc)
TABLES = {
    "study": {
        "owner": "source",
        "read": 24,
        "loaded": 12,
        "duplicates": 1,
        "orphans": 0,
        "rejected": 2,
        "filtered": 9,
    },
    "download": {"owner": "portal", "read": 0, "loaded": 0, "duplicates": 0, "orphans": 0},
}


def step(stage, second, *did, changed=True, seconds=1.0, **detail):
    started = f"2026-11-23T12:00:{second:02d}.000+00:00"
    return {
        "stage": stage,
        "started": started,
        "seconds": seconds,
        "changed": changed,
        "did": list(did),
        "detail": detail,
    }


def report(*steps, outcome=DONE, failure="", began=""):
    return make_report(
        steps,
        run="r",
        playbook="ingest",
        operator="0000-0002-1825-0097",
        outcome=outcome,
        failure=failure,
        began=began,
        now=NOW,
    )


INGEST = (
    step("switch", 20, "start db", seconds=2.0),
    step("preflight", 0, changed=False),
    step("load", 5, "load study", tables=TABLES),
    step("switch", 15, "stop backend"),
)


def test_steps_of_all_hosts_are_put_in_order_and_a_stage_lasts_until_the_next():
    made = report(*INGEST)
    assert [(stage.name, stage.seconds) for stage in made.stages] == [
        ("preflight", 5.0),
        ("load", 10.0),
        ("switch", 15.0),
    ]
    assert made.stages[2].did == ("stop backend", "start db")
    assert made.seconds == 30.0
    assert made.changed


def test_no_second_of_a_run_stands_nowhere():
    made = report(*INGEST, began="2026-11-23T11:59:58+00:00")
    assert made.seconds == 32.0
    assert sum(stage.seconds for stage in made.stages) == made.seconds
    assert [stage.worked for stage in made.stages] == [1.0, 1.0, 3.0]


def test_every_step_of_every_host_is_in_the_report():
    other = {**step("switch", 16, "stop backend", seconds=3.0), "host": "web2"}
    made = report(*({**one, "host": "db"} for one in INGEST), other)
    assert [(one["host"], one["stage"], one["seconds"]) for one in made.steps] == [
        ("db", "preflight", 1.0),
        ("db", "load", 1.0),
        ("db", "switch", 1.0),
        ("web2", "switch", 3.0),
        ("db", "switch", 2.0),
    ]
    assert made.stages[2].worked == 6.0, "what hosts do at one time counts once"


@pytest.mark.attack
def test_a_step_at_a_time_that_no_clock_can_show_is_left_out():
    late = {**step("load", 5, "load study"), "started": "9999-12-31T23:59:59-14:00"}
    assert [one["stage"] for one in report(late, *INGEST).steps] == ["preflight", "load", "switch", "switch"]


def test_the_window_is_from_the_first_stop_to_the_end_of_the_last_step_of_the_switch():
    assert report(*INGEST).window_seconds == 7.0


def test_the_window_of_a_failed_switch_ends_with_its_undo():
    made = report(*INGEST, step("undo", 25, "start db", seconds=3.0), outcome=FAILED, failure="it broke")
    assert made.window_seconds == 13.0


def test_a_plan_has_no_window_and_says_that_it_is_one():
    made = report(*INGEST, outcome=PLANNED)
    assert made.window_seconds is None
    assert report_lines(made)[0].startswith("ingest: would be done")


def test_a_run_that_changed_nothing_says_so_and_has_no_tables():
    made = report(step("preflight", 0, changed=False), step("load", 5, changed=False, tables=TABLES))
    lines = report_lines(made)
    assert lines[0].startswith("ingest: nothing to change")
    assert not any("study" in line for line in lines)


def test_the_printed_report_has_every_step_every_table_and_the_failure():
    text = "\n".join(
        report_lines(report(*INGEST, outcome=FAILED, failure="the switch failed in Start production"))
    )
    assert "ingest: FAILED" in text
    assert "failed: the switch failed in Start production" in text
    assert text.index("load study") < text.index("stop backend") < text.index("start db")
    assert "study                            24         12          1        0        2          9" in text
    assert "download                 owner: portal" in text


def test_a_dry_run_that_knows_no_counts_prints_no_table():
    unknown = {
        "study": {"owner": "source", "read": None, "loaded": None, "duplicates": None, "orphans": None}
    }
    lines = report_lines(report(step("load", 5, "load study", tables=unknown), outcome=PLANNED))
    assert not any(line.startswith("study") for line in lines)


def test_long_names_keep_the_columns_of_the_table_below_each_other():
    long = "a_table_whose_name_has_more_than_24_characters"
    lines = report_lines(report(step("load", 5, "load", tables={**TABLES, long: TABLES["study"]})))
    head, ours, other = (
        next(line for line in lines if line.startswith(start)) for start in ("table ", long, "study ")
    )
    assert head.index("loaded") + len("loaded") == ours.index(" 12 ") + 3 == other.index(" 12 ") + 3


def test_a_failed_run_is_one_page_with_each_finding_once_and_says_where_the_rest_is():
    checks = [f"check that table t{number} holds" for number in range(453)]
    tables = {f"t{number}": TABLES["study"] for number in range(91)}
    told = "the load is not fit, 2 findings:\n- shrink:study: lost\n- empty:biosample: empty\nto accept: -e x"
    steps = (step("load", 5, "load", tables=tables), step("verify", 9, *checks, changed=False))
    lines = report_lines(report(*steps, outcome=FAILED, failure=told))
    assert len(lines) < 45
    assert lines[-4:] == [
        "failed: the load is not fit, 2 findings:",
        "- shrink:study: lost",
        "- empty:biosample: empty",
        "to accept: -e x",
    ]
    assert sum("shrink:study" in line for line in lines) == 1
    assert any("447 more in .reingest/runs/" in line for line in lines)
    assert len(report_lines(report(*steps))) > 500  # whatever a run that went well did is printed
