"""Two verbs at once: a sample of ``make test-crash``."""

from __future__ import annotations

import pytest
from crash import together
from crash.together import MEETINGS
from tiers import full, sample_of

ROUNDS = range(0, 60, 6)
FEW = range(0, 60, 15)
QUICK = ("claim beside claim", "promote beside promote of another run", "promote beside recover")


@pytest.mark.parametrize("rounds", [pytest.param(FEW, id="few"), pytest.param(ROUNDS, id="more", marks=full)])
@pytest.mark.parametrize("meeting", sample_of({meeting.name: meeting for meeting in MEETINGS}, *QUICK))
def test_one_wins_and_the_other_is_refused_or_finds_its_work_done(templates, work, meeting, rounds):
    outcomes = [together.meet(templates, meeting, number, work) for number in rounds]
    assert [outcome for outcome in outcomes if outcome.wrong] == []
