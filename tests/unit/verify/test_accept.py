from plugins.module_utils.reingest.frame.finding import Finding
from plugins.module_utils.reingest.verify.accept import judge

SHRUNK = Finding("shrink:a", "table a has shrunk", "look at the source")
EMPTY = Finding("empty:b", "table b is empty", "look at the mapping")


def test_nothing_found_is_nothing_to_say():
    verdict = judge([], [])
    assert (verdict.refusal, verdict.warnings) == ("", ())


def test_all_findings_are_in_one_refusal_with_the_way_out():
    refusal = judge([SHRUNK, EMPTY], []).refusal
    assert "2 findings:" in refusal
    assert "\n- shrink:a: table a has shrunk; look at the source, or accept 'shrink:a'" in refusal
    assert "\n- empty:b: table b is empty; look at the mapping, or accept 'empty:b'" in refusal


def test_an_accepted_finding_is_a_warning_and_so_is_a_name_that_nothing_has():
    verdict = judge([SHRUNK], ["shrink:a", "shrink:z"])
    assert verdict.refusal == ""
    assert verdict.warnings == (
        "accepted: shrink:a: table a has shrunk",
        "shrink:z was accepted, but nothing of that name was found",
    )


def test_what_preflight_accepts_is_no_finding_and_no_unknown_name():
    assert judge([], ["served", "portal", "login", "health:backend"]).warnings == ()


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
    assert "or accept 'object:view:*'" in refusal
    assert "\n- shrink:a: table a has shrunk" in refusal
    assert len(refusal) < 1000


def test_a_few_findings_of_one_kind_have_a_line_each():
    refusal = judge(views(10), []).refusal
    assert refusal.count("\n- object:view:public.v") == 10
