"""The deadline inside the window: what is gone, and what is predicted of the rest, within the budget."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.outage.deadline import Deadline, deadline_from

PARTS = {
    "stop_writers": 0.5,
    "carry_rows": 1.0,
    "stop_servers": 0.5,
    "checkpoint": 0.25,
    "promote": 0.25,
    "start_production": 0.5,
    "start_writers": 1.0,
    "between": 0.6,
}
RAW = {"budget": 5.0, "parts": PARTS}


def test_what_is_left_is_the_part_and_all_after_it_with_its_share_of_what_is_between():
    deadline = deadline_from(RAW, began=100.0)
    assert deadline.left("stop_writers") == pytest.approx(sum(PARTS.values()))
    assert deadline.left("promote") == pytest.approx(0.25 + 0.5 + 1.0 + 0.3)
    assert deadline.left("stop_servers") == pytest.approx(0.5 + 0.25 + 1.75 + 0.4)


def test_a_switch_in_time_goes_on():
    deadline = deadline_from(RAW, began=100.0)
    deadline.refuse_late("carry_rows", now=100.5)
    deadline.refuse_late("promote", now=102.9)


def test_a_switch_that_gets_too_long_goes_back():
    with pytest.raises(Refusal) as refused:
        deadline_from(RAW, began=100.0).refuse_late("promote", now=103.0)
    assert str(refused.value) == (
        "the portal is away for 3.0 s and would be for 2.0 s more, and reingest_outage_budget allows 5 s: "
        "the switch goes back to the old production: prod is not renamed yet; look at the steps' times in "
        "the report, then run again, raise the budget, or run with -e reingest_accept=outage, which sets no "
        "deadline"
    )


def test_what_was_never_measured_counts_as_nothing_and_the_time_that_is_gone_does():
    deadline = deadline_from({"budget": 2}, began=0.0)
    deadline.refuse_late("promote", now=2.0)
    with pytest.raises(Refusal, match=r"away for 2\.1 s"):
        deadline.refuse_late("promote", now=2.1)


@pytest.mark.parametrize("raw", [{}, {"budget": 0, "parts": PARTS}])
def test_without_a_budget_there_is_no_deadline(raw):
    deadline_from(raw, began=0.0).refuse_late("promote", now=1e6)


def test_after_the_rename_there_is_nothing_to_ask_for():
    with pytest.raises(ValueError, match="prove"):
        Deadline(1.0, {}, 0.0).refuse_late("prove", now=0.0)
