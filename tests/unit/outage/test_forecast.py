"""How long a switch will take, by what earlier ones took, and whether that fits the budget."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.outage.forecast import Forecast, Now, Past, forecast, refuse_over

PARTS = {
    "stop_writers": 0.5,
    "carry_rows": 0.4,
    "stop_servers": 0.6,
    "promote": 0.1,
    "start_production": 0.7,
    "start_writers": 1.0,
    "between": 0.2,
}
ONE = Past(PARTS, outage=3.5, user_bytes=1_000_000, checkpoint=0.1)


def test_the_parts_are_those_of_the_switch_before():
    found = forecast([ONE], Now(1_000_000, 0.1))
    assert found.parts == {
        "stop_writers": 0.5,
        "carry_rows": 0.4,
        "stop_servers": 0.5,
        "checkpoint": 0.1,
        "promote": 0.1,
        "start_production": 0.7,
        "start_writers": 1.0,
        "between": 0.2,
    }
    assert (found.seconds, found.runs, found.least) == (3.5, 1, 3.5)
    assert found.told() == (
        "3.5 s (stop the writers 0.5, carry users' rows 0.4, stop the servers 0.5, their last checkpoint 0.1,"
        " promote 0.1, start production 0.7, start the writers 1.0, between the steps 0.2; "
        "by the last switch)"
    )


def test_a_checkpoint_that_takes_longer_now_makes_the_stop_longer():
    assert forecast([ONE], Now(1_000_000, 2.1)).seconds == 5.5


def test_in_a_dry_run_the_checkpoint_is_that_of_before():
    assert forecast([ONE], Now(1_000_000)).seconds == 3.5


@pytest.mark.parametrize(("size", "carry"), [(10_000_000, 4.0), (10, 0.4), (0, None)])
def test_more_rows_take_longer_in_proportion_and_fewer_as_long(size, carry):
    assert forecast([ONE], Now(size, 0.1)).parts.get("carry_rows") == carry


def test_a_backend_that_needs_a_minute_to_start_is_foretold():
    slow = Past({**PARTS, "start_writers": 60.0}, outage=62.5, user_bytes=1_000_000, checkpoint=0.1)
    found = forecast([slow], Now(1_000_000, 0.1))
    assert (found.parts["start_writers"], found.seconds) == (60.0, 62.5)
    with pytest.raises(Refusal, match=r"start the writers 60\.0"):
        refuse_over(found, 30, [])


def test_the_median_of_the_last_five_counts():
    far = [Past({**PARTS, "start_writers": 100.0}, outage=None)] * 5
    near = [Past({**PARTS, "start_writers": value}) for value in (1.0, 9.0, 2.0, 3.0, 2.0)]
    assert forecast([*far, *near], Now(0)).parts["start_writers"] == 2.0


def test_users_may_be_back_before_the_last_step_ends():
    found = forecast([Past(PARTS, outage=2.9, user_bytes=1)], Now(1, 0.0))
    assert found.seconds == 2.9
    assert found.parts["start_writers"] == 0.6
    assert "between" not in found.parts


def test_without_an_earlier_switch_only_what_is_seen_now_is_known():
    found = forecast([], Now(10_000_000, 0.25))
    assert found.parts == {"carry_rows": 1.3, "checkpoint": 0.25}
    assert found.told() == (
        "not known, no earlier switch was measured on this volume (carry users' rows 1.3, their last "
        "checkpoint 0.2)"
    )
    with pytest.raises(Refusal, match="budget allows 1 s"):
        refuse_over(found, 1, [])
    assert refuse_over(found, 2, []) == ""


def test_what_does_not_fit_is_refused_with_its_parts_and_what_no_switch_was_below():
    found = forecast([ONE], Now(1_000_000, 0.1))
    with pytest.raises(Refusal) as refused:
        refuse_over(found, 2.5, ["served"])
    assert str(refused.value) == (
        f"the portal would be away for {found.told()}, reingest_outage_budget allows 2.5 s, and no switch of "
        "this volume was shorter than 3.5 s; nothing was stopped: run it when that may be, raise the budget, "
        "or accept it: -e reingest_accept=outage"
    )
    assert refuse_over(found, 3.5, []) == ""
    assert refuse_over(found, 0, []) == ""


def test_an_operator_accepts_it_by_name():
    found = Forecast({"carry_rows": 9.0}, 1, 2.0)
    assert refuse_over(found, 5, ["outage"]).startswith(
        "accepted: outage: the portal would be away for 9.0 s"
    )
