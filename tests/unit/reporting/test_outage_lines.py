"""What users felt of a switch, in the report and as its last lines."""

from __future__ import annotations

from unit.reporting.test_report import report, step

from plugins.module_utils.reingest.reporting.outage_lines import outage_line, over_budget
from plugins.module_utils.reingest.reporting.report import FAILED, PLANNED, report_lines

GAP = {"began": "2026-11-23T12:00:15.000+00:00", "seconds": 2.5, "failed": 20, "ended": True}
SEEN = {
    "probes": 100,
    "failed": 20,
    "outage_s": 2.5,
    "worst_ms": 80.0,
    "gaps": [GAP],
    "more_gaps": 0,
    "release": "r1",
    "new_release": "r2",
    "first_new": "2026-11-23T12:00:17.500+00:00",
    "last_why": "it answers 503",
}
PREDICTED = {
    "seconds": 2.4,
    "runs": 1,
    "told": "2.4 s (promote 2.4; by the last switch)",
    "user_bytes": 5,
    "checkpoint_s": 0.1,
    "parts": {},
}
WINDOW = (step("switch", 15, "stop backend", seconds=0.5), step("switch", 17, "start backend", seconds=0.5))


def watched(*, budget=0.0, **detail):
    return step("switch", 14, changed=False, predicted=PREDICTED, budget=budget, **detail)


def test_the_report_has_what_was_seen_and_what_was_predicted():
    made = report(watched(outage=SEEN, budget=3.0), *WINDOW)
    outage = made.outage
    assert outage["measured"]
    assert (outage["outage_s"], outage["predicted_s"], outage["budget_s"]) == (2.5, 2.4, 3.0)
    assert (outage["window_s"], outage["user_bytes"]) == (2.5, 5)
    assert outage["parts"] == {"stop_servers": 0.5, "start_production": 0.5, "between": 1.5}
    assert report_lines(made)[-2:] == [
        "outage     2.50 s without a good answer; 20 of 100 probes failed, slowest good one 80 ms; "
        "r2 answered first at 2026-11-23T12:00:17.500+00:00",
        "           predicted: 2.4 s (promote 2.4; by the last switch)",
    ]


def test_several_gaps_are_listed():
    second = {**GAP, "began": "2026-11-23T12:00:20.000+00:00", "seconds": 0.3}
    lines = report_lines(report(watched(outage={**SEEN, "gaps": [GAP, second]}), *WINDOW))
    assert lines[-1] == (
        "           gaps: 2.50 s from 2026-11-23T12:00:15.000+00:00, "
        "0.30 s from 2026-11-23T12:00:20.000+00:00"
    )


def test_what_is_longer_than_the_budget_is_said_and_the_run_is_done():
    made = report(watched(outage=SEEN, budget=2.0), *WINDOW)
    assert over_budget(made.outage) == "over the budget of 2 s (reingest_outage_budget)"
    assert report_lines(made)[-2].endswith("; over the budget of 2 s (reingest_outage_budget)")
    assert made.outcome == "done"
    assert over_budget(report(watched(outage=SEEN, budget=2.5), *WINDOW).outage) == ""
    assert over_budget(report(watched(outage=SEEN), *WINDOW).outage) == ""


def test_a_portal_that_has_not_come_back_is_told():
    seen = {**SEEN, "gaps": [{**GAP, "ended": False}], "first_new": ""}
    made = report(watched(outage=seen), *WINDOW, outcome=FAILED, failure="x")
    assert outage_line(made.outage).startswith("2.50 s without a good answer, and none has come since; 20 of")


def test_what_is_not_measured_says_why():
    made = report(watched(unmeasured="its certificate is not good: expired", budget=1.0), *WINDOW)
    assert report_lines(made)[-2] == "outage     not measured: its certificate is not good: expired"
    lost = report(watched(), *WINDOW)
    assert lost.outage["unmeasured"] == "the prober left nothing, it may have been killed"


def test_a_plan_has_the_prediction_alone():
    made = report(watched(), *WINDOW, outcome=PLANNED)
    assert report_lines(made)[-1] == "outage     predicted: 2.4 s (promote 2.4; by the last switch)"


def test_a_run_that_switches_nothing_has_no_line():
    assert report(step("load", 1, "load")).outage == {}
    assert not any("outage" in line for line in report_lines(report(step("load", 1, "load"))))
