"""What a step of another host tells of its findings."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.runs.told_step import step_from

STEP = {
    "stage": "verify", "started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "changed": False, "did": [],
}  # fmt: skip
FOUND = {
    "name": "object:view:v",
    "message": "it is missing",
    "remedy": "add:\nCREATE VIEW v",
    "accept": "object:view:v@1",
}


def test_findings_are_texts_of_lines_in_which_everything_is_seen():
    told = {**FOUND, "message": "a\x1b[2Jb", "extra": 1}
    step = step_from({**STEP, "detail": {"findings": [told]}})
    assert step["detail"]["findings"] == [{**FOUND, "message": "a\\x1b[2Jb"}]


def test_a_finding_says_whether_it_was_accepted_and_nothing_else_counts_as_yes():
    told = [{**FOUND, "accepted": True}, {**FOUND, "accepted": "yes"}]
    assert step_from({**STEP, "detail": {"findings": told}})["detail"]["findings"] == [told[0], FOUND]


PLACE = {"file": "f\x1b", "line": 7}
GROUP = {"table": "t", "column": "", "reason": "r", "rows": 2, "places": [PLACE]}


def test_rejects_are_places_and_reasons_in_which_everything_is_seen():
    told = {"rows": 2, "whole": "yes", "groups": [{**GROUP, "extra": 1}], "extra": 1}
    step = step_from({**STEP, "detail": {"rejects": told}})
    shown = {**GROUP, "places": [{"file": "f\\x1b", "line": 7}]}
    assert step["detail"]["rejects"] == {"rows": 2, "whole": False, "groups": [shown]}


@pytest.mark.parametrize(
    "rejects",
    [
        [],
        {"groups": []},
        {"rows": 1, "groups": [{**GROUP, "rows": -1}]},
        {"rows": 1, "groups": [{**GROUP, "table": 1}]},
        {"rows": 1, "groups": [{**GROUP, "places": [{"file": "f", "line": "7"}]}]},
        {"rows": 1, "groups": [{**GROUP, "places": [{**PLACE, "value": {}}]}]},
    ],
)
def test_what_are_no_rejects_is_refused(rejects):
    with pytest.raises(ValueError, match=r"."):
        step_from({**STEP, "detail": {"rejects": rejects}})


@pytest.mark.parametrize("findings", [{}, [1], [{}], [{**FOUND, "name": 1}], [{**FOUND, "accept": 1}], "x"])
def test_what_is_no_list_of_findings_is_refused(findings):
    with pytest.raises(ValueError, match="finding"):
        step_from({**STEP, "detail": {"findings": findings}})


SEEN = {
    "probes": 9,
    "failed": 3,
    "outage_s": 2.5,
    "worst_ms": 8.0,
    "more_gaps": 0,
    "release": "r1",
    "new_release": "r\x1b2",
    "first_new": "",
    "last_why": "",
    "gaps": [],
}
PREDICTED = {
    "seconds": 2.4,
    "runs": 1,
    "user_bytes": 5,
    "checkpoint_s": 0.1,
    "parts": {"carry": 1},
    "told": "t",
}


def test_an_outage_and_a_prediction_are_figures_and_texts_in_which_everything_is_seen():
    step = step_from({**STEP, "detail": {"outage": SEEN, "predicted": {**PREDICTED, "more": 1}, "budget": 3}})
    assert step["detail"]["outage"]["new_release"] == "r\\x1b2"
    assert step["detail"]["predicted"] == PREDICTED


@pytest.mark.parametrize(
    "detail",
    [
        {"outage": {}},
        {"outage": {**SEEN, "outage_s": "long"}},
        {"outage": {**SEEN, "gaps": [{"began": "never"}]}},
        {"predicted": {**PREDICTED, "seconds": float("inf")}},
        {"predicted": {**PREDICTED, "parts": {"carry": -1}}},
        {"predicted": []},
        {"window": {"carry": "x"}},
        {"budget": True},
        {"unmeasured": 1},
    ],
)
def test_what_is_no_outage_is_refused(detail):
    with pytest.raises(ValueError, match=r"."):
        step_from({**STEP, "detail": detail})
