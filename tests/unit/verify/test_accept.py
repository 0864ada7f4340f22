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
    assert judge([], ["served"]).warnings == ()
