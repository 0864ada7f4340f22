import json
import re
from dataclasses import replace

import pytest

from plugins.module_utils.reingest.frame.finding import Finding
from plugins.module_utils.reingest.verify.accept import judge

SHRUNK = Finding("shrink:a", "table a has shrunk", "look at the source", amount=20)
EMPTY = Finding("empty:b", "table b is empty", "look at the mapping")


def test_nothing_found_is_nothing_to_say():
    verdict = judge([], [])
    assert (verdict.refusal, verdict.warnings) == ("", ())


def test_all_findings_are_in_one_refusal_with_the_way_out():
    refusal = judge([SHRUNK, EMPTY], []).refusal
    assert "2 findings:" in refusal
    assert (
        "\n- shrink:a: table a has shrunk; look at the source; or accept it: -e reingest_accept=shrink:a@20"
    ) in refusal
    state = EMPTY.acceptance
    assert (
        f"\n- empty:b: table b is empty; look at the mapping; or accept it: -e reingest_accept={state}"
        in (refusal)
    )
    assert refusal.endswith(f"\nto accept all of these: -e reingest_accept=shrink:a@20,{state}")


def test_one_finding_has_one_way_out_only():
    assert judge([SHRUNK], []).refusal.count("reingest_accept") == 1


def test_an_accepted_finding_is_a_warning_and_so_is_a_name_that_nothing_has():
    verdict = judge([SHRUNK], ["shrink:a", "shrink:z"])
    assert verdict.refusal == ""
    assert verdict.warnings == (
        "accepted: shrink:a: table a has shrunk",
        "shrink:z was accepted, but nothing of that name was found",
    )


@pytest.mark.parametrize(("given", "met"), [(["shrink:a"], {SHRUNK}), ([], set()), (["shrink:a@19"], set())])
def test_which_findings_were_accepted_is_told_also_where_others_are_refused(given, met):
    assert judge([SHRUNK, EMPTY], given).met == met


def test_what_preflight_accepts_is_no_finding_and_no_unknown_name():
    others = ["served", "rows:20261101T000000Z", "copies:run-1", "pg_dump@12", "collation:20261101T000000Z@1"]
    assert judge([], [*others, "outage", "portal", "login", "health:backend"]).warnings == ()


def views(count):
    return [
        Finding(f"object:view:public.v{n}", f"view public.v{n} is missing", "add it") for n in range(count)
    ]


def test_a_pattern_accepts_all_that_it_stands_for_and_is_told_where_it_stands_for_nothing():
    verdict = judge([*views(2), SHRUNK], ["object:view:*", "shrink:?", "object:index:*"])
    assert verdict.refusal == ""
    assert verdict.warnings[-1] == "object:index:* was accepted, but nothing of that name was found"
    assert len(verdict.warnings) == 4


def test_in_a_name_only_the_star_and_the_question_mark_stand_for_something_else():
    array = Finding("object:function:public.f(integer[])", "f is missing", "add it")
    assert judge([array], ["object:function:public.f(integer[])"]).refusal == ""
    assert judge([array], ["object:function:public.f(integer.*"]).refusal != ""


def test_a_name_that_was_divided_at_its_commas_is_put_together():
    function = Finding("object:function:public.f(integer,text)", "f is missing", "add it")
    accepted = ["shrink:a", "object:function:public.f(integer", "text)", "empty:b"]
    verdict = judge([function, SHRUNK, EMPTY], accepted)
    assert (verdict.refusal, len(verdict.warnings)) == ("", 3)


def test_many_findings_of_one_kind_have_one_line_with_examples_and_the_pattern():
    refusal = judge([*views(50_000), SHRUNK], []).refusal
    assert "50001 findings:" in refusal
    assert "\n- object:view:*: 50,000 findings (all: findings.json of the run), for example" in refusal
    assert "object:view:public.v2: view public.v2 is missing" in refusal
    assert "public.v3:" not in refusal
    [argument] = re.findall(r"or accept exactly these: -e '(.*)'", refusal)
    [accepted] = json.loads(argument)["reingest_accept"]
    assert judge([*views(50_000), SHRUNK], [accepted, "shrink:a@20"]).refusal == ""
    assert judge(views(49_999), [accepted]).refusal != ""
    assert judge([*views(50_000), replace(views(1)[0], name="object:view:w")], [accepted]).refusal != ""
    assert "\n- shrink:a: table a has shrunk" in refusal
    assert len(refusal) < 1500


def test_a_few_findings_of_one_kind_have_a_line_each():
    refusal = judge(views(10), []).refusal
    assert refusal.count("\n- object:view:public.v") == 10


def test_an_acceptance_holds_for_what_was_seen_and_says_what_it_is_now():
    assert judge([SHRUNK], ["shrink:a@20"]).refusal == ""
    assert judge([replace(SHRUNK, amount=19)], ["shrink:a@20"]).refusal == ""
    refusal = judge([replace(SHRUNK, amount=40)], ["shrink:a@20"]).refusal
    assert "it was accepted at 20, and it is 40 now; or accept it: -e reingest_accept=shrink:a@40" in refusal


@pytest.mark.parametrize(("then", "now"), [(20, -1), (-20, 1), (-20, -21)])
def test_too_little_is_not_accepted_by_too_much(then, now):
    assert judge([replace(SHRUNK, amount=now)], [f"shrink:a@{then}"]).refusal != ""
    assert judge([replace(SHRUNK, amount=then)], [f"shrink:a@{then}"]).refusal == ""


def test_an_acceptance_of_a_state_holds_for_exactly_that():
    seen = EMPTY.acceptance
    verdict = judge([replace(EMPTY, message="table b is empty, and c")], [seen])
    assert f"it was accepted as @{EMPTY.seen}, and it is another now, @" in verdict.refusal
    assert verdict.warnings == ()
    same = replace(EMPTY, state="s")
    assert judge([replace(same, message="said in another way")], [same.acceptance]).refusal == ""


def test_a_plain_name_holds_whatever_is_seen():
    assert judge([replace(SHRUNK, amount=40)], ["shrink:a"]).refusal == ""


def test_a_name_may_end_like_an_acceptance():
    one, other = Finding("role:a", "is lost", "make it"), Finding("role:a@20", "is lost", "make it")
    assert judge([one, other], [one.acceptance, other.acceptance]).refusal == ""
    assert "role:a: is lost" not in judge([one, other], [one.acceptance]).refusal
    assert "role:a@20: is lost" not in judge([other], ["role:a@20"]).refusal


def test_a_pattern_with_an_amount_holds_for_each_that_is_not_more():
    more = replace(SHRUNK, name="shrink:b", amount=40)
    refusal = judge([SHRUNK, more], ["shrink:*@20"]).refusal
    assert "1 finding:" in refusal
    assert "shrink:b: table a has shrunk; look at the source; it was accepted at 20, and it is 40" in refusal


def test_what_accepts_all_keeps_what_is_accepted_already_and_leaves_out_what_nobody_may_accept():
    fixed = Finding("databases", "is lost", "move it", acceptable=False)
    refusal = judge([SHRUNK, EMPTY, fixed], ["served", "shrink:a@20", "old:x"]).refusal
    assert refusal.endswith(
        "\nto accept all of these that may be accepted, beside what is accepted already: "
        f"-e reingest_accept=served,shrink:a@20,{EMPTY.acceptance}"
    )


def test_a_name_with_half_a_parenthesis_takes_no_other_name_along():
    half = Finding("sql:a (b", "does not hold", "look")
    assert judge([half, SHRUNK], [half.acceptance, SHRUNK.acceptance]).refusal == ""
    assert judge([half, SHRUNK], ["sql:a (b", "shrink:a"]).refusal == ""


def test_what_is_accepted_after_a_name_that_nothing_has_any_more_is_accepted():
    assert judge([SHRUNK], ["sql:a (b@1", "shrink:a@20"]).refusal == ""


def test_a_name_of_several_lines_makes_no_line_of_its_own():
    assert "\n- b" not in judge([Finding("role:a\n- b", "is lost", "make it")], []).refusal


def test_many_columns_that_are_emptied_have_one_line_and_one_acceptance():
    emptied = [
        Finding(f"emptied:a.c{number}", "column is empty", "look", amount=number) for number in range(50)
    ]
    refusal = judge([SHRUNK, *emptied], []).refusal
    assert "\n- emptied:*: 50 findings (all: findings.json of the run), for example" in refusal
    (way,) = set(re.findall(r"emptied:\*@[0-9a-f]{8}", refusal))
    assert judge(emptied, [way]).refusal == ""
    assert judge([*emptied[:-1], replace(emptied[-1], amount=51)], [way]).refusal != ""
