"""Two verbs at once: a sample of ``make test-crash``."""

from __future__ import annotations

import pytest
from crash import together
from crash.together import MEETINGS

ROUNDS = range(0, 60, 6)


@pytest.mark.parametrize("meeting", MEETINGS, ids=lambda meeting: meeting.name)
def test_one_wins_and_the_other_is_refused_or_finds_its_work_done(templates, work, meeting):
    outcomes = [together.meet(templates, meeting, number, work) for number in ROUNDS]
    assert [outcome for outcome in outcomes if outcome.wrong] == []
