"""What the controller takes of an answer."""

from __future__ import annotations

from plugins.plugin_utils.results import _declared, accepted

STEP = {
    "stage": "verify", "started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "changed": False, "did": [],
    "detail": {},
}  # fmt: skip
EMPTY = {"list": [], "dict": {}, "str": "", "bool": False, "int": 0}
FOUND = {"name": "object:view:v", "message": "it is missing", "remedy": "add it", "accept": "object:view:v@1"}


def verified(**given):
    """Return an answer of the verification that has all that it always returns."""
    shapes = _declared("ingest_verify")
    always = {name: EMPTY[shape["type"]] for name, shape in shapes.items() if shape["returned"] == "always"}
    return {**always, "step": STEP, **given}


def test_findings_of_the_verification_are_what_it_documents():
    taken = accepted("dataportal.reingest.ingest_verify", verified(findings=[FOUND]))
    assert (taken["failed"], taken["findings"]) == (False, [FOUND])


def test_findings_make_no_answer_whole_that_lacks_something():
    answer = verified(findings=[FOUND])
    del answer["checks"]
    assert "it lacks checks" in accepted("ingest_verify", answer)["msg"]


def test_findings_of_a_gathered_refusal_are_texts():
    assert accepted("run_check", {"changed": False, "findings": ["no room"]})["findings"] == ["no room"]
    assert accepted("run_check", {"changed": False, "findings": [{}]})["failed"]


def test_a_failure_keeps_what_decides_and_not_the_lists_that_would_fill_pages():
    answer = {
        "failed": True,
        "msg": "no",
        "failed_step": "Stop the servers",
        "lines": ["x"],
        "rows": {"a": 1},
    }
    kept = accepted("switch_steps", answer)
    assert (kept["msg"], kept["failed_step"]) == ("no", "Stop the servers")
    assert not {"lines", "rows"} & kept.keys()


def test_a_host_without_the_volume_has_steps_and_no_report():
    taken = accepted("run_report", {"changed": False, "step": STEP, "steps": [STEP]})
    assert (taken["failed"], len(taken["steps"])) == (False, 1)
