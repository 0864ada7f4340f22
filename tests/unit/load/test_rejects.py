from pathlib import Path

import pytest

from plugins.module_utils.reingest.dataset.model import Budget, Table
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.rejects import Reject, RejectLog, RejectPolicy

BAD = Reject(Path("a.csv"), 2, "", "x", "no row")


def rejected(count, read, table=None, whole=None):
    """Set rows aside, of which ``read`` were read, and return the log."""
    log = RejectLog(
        RejectPolicy(None, whole), Table("t", "source", on_reject="quarantine", max_rejects=table)
    )
    log.follow(lambda: read)
    for _ in range(count):
        log.add(BAD)
    return log


@pytest.mark.parametrize("budgets", [{"table": Budget(fraction=0.01)}, {"whole": Budget(fraction=0.01)}])
def test_a_percentage_is_judged_on_the_way_once_there_are_very_many_rejects(budgets):
    told = "table t: at least 100001 of the first 9000000 rows are rejected, and max_rejects is 1%"
    with pytest.raises(Refusal, match=told):
        rejected(100_001, 9_000_000, **budgets)


def test_until_then_it_is_judged_at_the_end():
    log = rejected(100_000, 100_000, Budget(fraction=0.01))
    log.check(10_000_000)
    with pytest.raises(Refusal, match="100000 of 9999999 rows are rejected"):
        log.check(9_999_999)


def test_very_many_rejects_within_the_percentage_are_no_reason_to_stop():
    assert rejected(100_001, 10_000_100, Budget(fraction=0.01)).count == 100_001


def test_a_number_is_judged_at_once():
    with pytest.raises(Refusal, match="at least 3 rows are rejected, and max_rejects is 2"):
        rejected(3, 10, Budget(rows=2))
