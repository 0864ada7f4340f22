import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.external_loader.judge import Judge, compile_patterns


def judged(*lines, **patterns):
    judge = Judge(compile_patterns(**patterns))
    for line in lines:
        judge.look(line)
    return judge


def test_a_log_without_errors_has_no_reason_to_fail():
    assert judged("loaded 1 of 2", "done").reason == ""


def test_an_error_that_nothing_declares_benign_is_a_reason_with_its_line():
    reason = judged("begin", "ERROR: lost", "CRITICAL: gone").reason
    assert "line 2: ERROR: lost | line 3: CRITICAL: gone" in reason
    assert judged("0 ERRORS", benign=["^0 ERRORS"]).reason == ""


def test_only_the_first_errors_are_shown_and_the_others_counted():
    reason = judged(*(f"ERROR {number}" for number in range(10))).reason
    assert "ERROR 2 (and 7 more)" in reason
    assert "ERROR 3" not in reason


def test_a_fatal_line_counts_before_a_benign_one_and_the_first_is_named():
    judge = judged("WARN: no memory", "WARN: no disk", fatal=["no memory", "no disk"], benign=["WARN"])
    assert judge.fatal == "WARN: no memory"
    assert "declared fatal: WARN: no memory" in judge.reason


def test_the_last_line_of_progress_is_kept():
    judge = judged("1 of 2", "2 of 2", "bye", progress=[r"\d of \d"])
    assert (judge.progress, judge.last, judge.lines) == ("2 of 2", "bye", 3)


def test_a_pattern_that_is_no_regular_expression_is_refused_by_its_kind():
    with pytest.raises(Refusal, match=r"benign pattern '\*' is no regular expression"):
        compile_patterns(benign=["*"])
