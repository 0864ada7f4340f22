"""What requests come to: the longest time between the ends of two good answers, and every gap."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.outage.answer import Answer
from plugins.module_utils.reingest.outage.seen import Gap, Observer, seen_from

EPOCH = 1_795_000_000.0  # 2026-11-18T11:06:40Z
GOOD, BAD = Answer(True, "r1"), Answer(False, why="it answers 503")


def observed(*requests):
    observer = Observer(EPOCH)
    for began, ended, answer in requests:
        observer.take(began, ended, answer)
    return observer.seen()


def test_the_outage_is_the_time_between_the_ends_of_two_good_answers():
    seen = observed((0, 0.1, GOOD), (1, 1.1, BAD), (2, 2.1, BAD), (3, 3.4, GOOD), (4, 4.1, GOOD))
    assert (seen.probes, seen.failed, seen.outage_s, seen.worst_ms) == (5, 2, 3.3, 400.0)
    assert seen.gaps == (Gap("2026-11-18T11:06:40.100+00:00", 3.3, 2),)
    assert seen.last_why == "it answers 503"


def test_every_gap_is_listed_and_the_longest_counts():
    seen = observed((0, 0, GOOD), (0.1, 0.2, BAD), (0.3, 0.4, GOOD), (0.5, 0.6, BAD), (0.7, 1.3, GOOD))
    assert [gap.seconds for gap in seen.gaps] == [0.4, 0.9]
    assert seen.outage_s == 0.9


def test_users_who_waited_and_were_served_are_a_gap_from_a_second_on():
    held = observed((0, 0.1, GOOD), (0.2, 1.4, GOOD))
    assert (held.failed, held.outage_s, held.worst_ms) == (0, 1.3, 1200.0)
    assert [gap.failed for gap in held.gaps] == [0]
    assert observed((0, 0.1, GOOD), (0.2, 1.0, GOOD)).gaps == ()


def test_a_portal_that_does_not_come_back_is_away_until_now():
    seen = observed((0, 0.1, GOOD), (1, 1.1, BAD), (5, 5.1, BAD))
    assert seen.outage_s == 5.0
    assert seen.gaps == (Gap("2026-11-18T11:06:40.100+00:00", 5.0, 2, ended=False),)


def test_without_an_answer_before_it_nothing_is_an_outage():
    seen = observed((0, 0.1, BAD), (1, 1.1, GOOD))
    assert (seen.outage_s, seen.gaps, seen.failed) == (0.0, (), 1)


def test_the_first_answer_of_the_new_release_is_told():
    new, newer = Answer(True, "r2"), Answer(True, "r3")
    seen = observed((0, 0.5, GOOD), (1, 1.5, new), (2, 2.5, GOOD), (3, 3.5, newer))
    assert (seen.release, seen.new_release) == ("r1", "r2")
    assert seen.first_new == "2026-11-18T11:06:41.500+00:00"
    assert observed((0, 0.5, GOOD), (1, 1.5, GOOD)).first_new == ""


def test_of_too_many_gaps_the_longest_are_kept():
    requests, at = [(0.0, 0.0, GOOD)], 0.0
    for number in range(150):
        requests += [(at, at, BAD), (at, at + 1 + number / 100, GOOD)]
        at += 1 + number / 100
    seen = observed(*requests)
    assert (len(seen.gaps), seen.more_gaps, seen.outage_s) == (100, 50, 2.49)
    assert [gap.seconds for gap in seen.gaps][:2] == [1.5, 1.51]


def test_what_was_written_is_read_back_and_nothing_else_is():
    seen = observed((0, 0.1, GOOD), (1, 1.1, BAD), (3, 3.4, GOOD))
    values = {**seen.as_values(), "gaps": [vars(gap) for gap in seen.gaps]}
    assert seen_from(values) == seen
    for wrong in (
        {"probes": "1"},
        {"outage_s": float("nan")},
        {"more": 1},
        {"gaps": [{"began": "x"}]},
        {"gaps": True},
    ):
        with pytest.raises(ValueError, match=r"."):
            seen_from({**values, **wrong})
