"""The rules alone: from the ledger's lines and nothing else, by their order, and safe from wrong clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.retention.rules import UNKNOWN, Rules, judge, last_good, loaded_at
from plugins.module_utils.reingest.volume.ledger import GOOD, LIVE, LOADED, PRUNED, Entry, Ledger

NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)


def ledger(*lines):
    """Return a ledger: `live A`, and after a comma how many days ago, or a text that is no time."""
    entries = []
    for line in lines:
        what, _, when = line.partition(", ")
        state, _, snapshot = what.partition(" ")
        at = when
        if when.lstrip("-").isdigit() or not when:
            at = (NOW - timedelta(days=int(when or 0))).isoformat()
        entries.append(Entry(state, snapshot, at, "run", "operator"))
    return Ledger(tuple(entries))


def served(*names, days=0):
    return [f"{state} {name}, {days}" for name in names for state in (LOADED, LIVE, GOOD)]


def verdicts(lines, there, *, keep=2, keep_days=0, live=""):
    found = ledger(*lines)
    live = live or found.live()
    way_back = last_good(found, there, live)
    rules = Rules(keep, keep_days)
    judged = judge(found, there, rules, serving=(live, found.live()), way_back=way_back, now=NOW)
    return {one.snapshot: one for one in judged}


def goes(*arguments, **named):
    return [name for name, one in verdicts(*arguments, **named).items() if one.goes]


def test_the_order_of_the_lines_decides_whatever_names_and_times_say():
    lines = [*served("Z", days=1), *served("M", days=400), *served("A", days=30)]
    assert goes(lines, ["A", "M", "Z"], keep=1) == ["Z"]


def test_each_that_stays_says_why():
    lines = [*served("A", "B", "C", "D"), "pinned A", "loaded X"]
    found = verdicts(lines, ["A", "B", "C", "D", "X", "strange"])
    assert {name: one.why for name, one in found.items()} == {
        "A": "pinned",
        "B": "one of the 2 that are kept",
        "C": "the way back",
        "D": "live",
        "X": "it was never proven to serve, and no newer one is good",
        "strange": UNKNOWN,
    }
    assert [name for name, one in found.items() if one.yields] == ["B", "X"]


def test_pinned_ones_do_not_count():
    lines = [*served("A", "B", "C", "D"), "pinned B"]
    assert goes(lines, ["A", "B", "C", "D"], keep=2) == []
    assert goes([*lines, "unpinned B"], ["A", "B", "C", "D"], keep=2) == ["A"]


@pytest.mark.parametrize("failure", [["loaded B", "live B", "bad B"], ["loaded B", "live B"], ["loaded B"]])
def test_what_never_served_well_does_not_count_and_goes_when_a_newer_one_is_good(failure):
    before = [*served("A"), *failure, "live A"]
    assert goes(before, ["A", "B"], keep=1) == []
    assert goes([*before, "loaded C", "live C"], ["A", "B", "C"], keep=1) == []
    after = [*before, *served("C")]
    assert goes(after, ["A", "B", "C"], keep=1) == ["B"]
    assert goes([*after, *served("D")], ["A", "B", "C", "D"], keep=2) == ["B"]


def test_a_good_one_that_is_older_does_not_let_a_failed_one_go():
    lines = [*served("A", "B"), "live A", "bad B", "good A"]
    assert goes(lines, ["A", "B"], keep=1) == []


def test_the_way_back_is_the_last_that_was_good_and_live():
    lines = [*served("A", "B", "C"), "loaded D", "live D", "bad D", "live C"]
    assert last_good(ledger(*lines), ["A", "B", "C", "D"], "C") == "B"
    assert last_good(ledger(*served("A")), ["A"], "A") == ""


def test_after_a_rollback_the_one_that_was_live_last_is_kept():
    lines = [*served("A", "B", "C", "D"), "live B", "bad D", "good B"]
    found = verdicts(lines, ["A", "B", "C", "D"], keep=1)
    assert (found["C"].why, found["D"].yields, found["A"].goes) == ("the way back", True, True)


def test_what_was_loaded_after_the_live_one_stays_until_a_newer_one_is_live():
    lines = [*served("A", "B", "C", "D"), "live A", "good A"]
    found = verdicts(lines, ["A", "B", "C", "D"], keep=1)
    assert {name: one.why for name, one in found.items()} == {
        "A": "live",
        "B": "newer than the live one",
        "C": "newer than the live one",
        "D": "the way back",
    }
    assert goes([*lines, *served("E")], ["A", "B", "C", "D", "E"], keep=1) == ["B", "C", "D"]


def test_adopted_ones_count_after_those_that_reingest_made_live():
    lines = ["adopted A", "adopted B", "adopted C", "live C", "good C", *served("D", "E")]
    assert goes(lines, ["A", "B", "C", "D", "E"], keep=3) == ["A"]


def test_one_that_was_pruned_and_is_there_again_is_not_known():
    lines = [*served("A", "B", "C", "D"), f"{PRUNED} A"]
    assert verdicts(lines, ["A", "B", "C", "D"])["A"].why == UNKNOWN


def test_what_is_live_by_the_ledger_stays_where_prod_leads_elsewhere():
    assert verdicts(served("A", "B", "C"), ["A", "B", "C"], keep=1, live="A")["C"].why == "live"


def test_no_way_back_is_refused():
    with pytest.raises(Refusal, match="reingest_keep is 0: at least 1, or there is no way back"):
        Rules(0, 0)


class TestAges:
    def young(self, lines, days, name="A"):
        there = ["A", "B", "C", "D"]
        return verdicts([*lines, *served("B", "C", "D")], there, keep=1, keep_days=days)[name].why

    def test_younger_ones_stay(self):
        assert self.young(served("A", days=10), 11) == "younger than 11 days"
        assert self.young(served("A", days=10), 10) == "more than the 1 that are kept"

    def test_a_line_of_the_future_is_young(self):
        assert self.young(served("A", days=-400), 1) == "younger than 1 days"

    def test_a_line_without_a_time_is_young(self):
        lines = [f"{state} A, not a time" for state in (LOADED, LIVE, GOOD)]
        assert self.young(lines, 1) == "younger than 1 days"

    def test_a_line_that_is_dated_before_an_earlier_one_is_no_older_than_that(self):
        """The clock went back to 1970 for a while."""
        lines = [*served("X", days=3), *served("A", days=20000)]
        assert self.young(lines, 4) == "younger than 4 days"
        assert self.young(lines, 2) == "more than the 1 that are kept"

    def test_a_line_of_the_future_makes_those_after_it_no_younger(self):
        lines = [*served("X", days=-9999), *served("A", days=10)]
        assert self.young(lines, 5) == "more than the 1 that are kept"

    def test_a_clock_that_went_backwards_lets_nothing_more_go(self):
        found = ledger(*served("A", days=10))
        assert loaded_at(found, "A", NOW - timedelta(days=365)) == NOW - timedelta(days=10)

    def test_no_age_where_there_is_no_load(self):
        assert loaded_at(ledger("live A"), "A", NOW) is None

    def test_a_verdict_is_the_same_for_times_without_a_zone(self):
        lines = [f"{state} A, 2026-11-13T00:00:00" for state in (LOADED, LIVE, GOOD)]
        assert self.young(lines, 11) == "younger than 11 days"
