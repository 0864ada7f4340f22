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


def test_errors_of_one_kind_are_told_once_with_how_many_there_are_the_most_frequent_first():
    rows = [f"sqlalchemy.exc.IntegrityError: Key (id)=('{number}') is not present" for number in range(652)]
    judge = judged(
        "CRITICAL: disk at 91 %", *rows, "(Background on this error at: https://sqlalche.me/e/20/gkpj)"
    )
    assert judge.reason.startswith(
        "it logged 653 errors that no benign pattern knows: 652 like line 2: sqlalchemy.exc"
    )
    assert judge.reason.count("IntegrityError") == 1
    assert "CRITICAL: disk at 91 %" in judge.reason
    assert judge.last_words.startswith(
        "it logged 653 errors: 652 like line 2:"
    )  # not the line about the background


def test_only_some_kinds_of_errors_are_shown_and_the_others_counted():
    reason = judged(*(f"ERROR in step {letter}" for letter in "abcdefgh")).reason
    assert "ERROR in step e | and 3 more" in reason
    assert "step f" not in reason


def test_a_loader_that_says_nothing_of_an_error_is_told_by_its_last_line():
    assert judged("a", "b").last_words == "its last line: b"
    assert judged().last_words == "it wrote nothing"


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
