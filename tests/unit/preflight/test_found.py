"""What of that which preflight found refuses a run."""

from __future__ import annotations

from plugins.module_utils.reingest.preflight.found import Found, judged

FOUND = [Found("no room"), Found("the portal is away", "portal"), Found("web is ill", "health:web")]


def test_a_switch_is_refused_with_everything_and_the_names_to_accept():
    refused, told = judged(FOUND, [], switches=True)
    assert refused == [
        "no room",
        "the portal is away, or accept it: -e reingest_accept=portal",
        "web is ill, or accept it: -e reingest_accept=health:web",
    ]
    assert told == []


def test_what_is_accepted_by_its_name_is_told():
    refused, told = judged(FOUND, ["portal", "health:other"], switches=True)
    assert refused == ["no room", "web is ill, or accept it: -e reingest_accept=health:web"]
    assert told == ["accepted: portal: the portal is away"]


def test_a_run_that_switches_to_no_load_is_only_told_what_it_may_be_about_to_put_right():
    assert judged(FOUND, [], switches=False) == (["no room"], ["the portal is away", "web is ill"])
