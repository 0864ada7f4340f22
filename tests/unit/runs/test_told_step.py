"""What a step of another host tells of its findings."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.runs.told_step import step_from

STEP = {
    "stage": "verify", "started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "changed": False, "did": [],
}  # fmt: skip
FOUND = {
    "name": "object:view:v",
    "message": "it is missing",
    "remedy": "add:\nCREATE VIEW v",
    "accept": "object:view:v@1",
}


def test_findings_are_texts_of_lines_in_which_everything_is_seen():
    told = {**FOUND, "message": "a\x1b[2Jb", "extra": 1}
    step = step_from({**STEP, "detail": {"findings": [told]}})
    assert step["detail"]["findings"] == [{**FOUND, "message": "a\\x1b[2Jb"}]


@pytest.mark.parametrize("findings", [{}, [1], [{}], [{**FOUND, "name": 1}], [{**FOUND, "accept": 1}], "x"])
def test_what_is_no_list_of_findings_is_refused(findings):
    with pytest.raises(ValueError, match="finding"):
        step_from({**STEP, "detail": {"findings": findings}})
