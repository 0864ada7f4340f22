"""report.json and report.html as the module leaves them on a volume: to the published schema, and private."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from plugins.module_utils.reingest.reporting.report import VERSION
from plugins.module_utils.reingest.runs.steps import append_step
from plugins.module_utils.reingest.volume.ledger import LOADED

A, B = "20261101T000000Z", "20261102T000000Z"
RUN = "20261123T120000Z-ab"
SCHEMA = json.loads((Path(__file__).parents[3] / "docs/report.schema.json").read_text())
COUNTS = {
    "owner": "source",
    "read": 4,
    "loaded": 3,
    "duplicates": 0,
    "orphans": 0,
    "rejected": 1,
    "filtered": 0,
}
REJECT = {"file": "/d/s.csv", "line": 7, "column": "city", "value": "Geneva", "reason": 'no city: "Geneva"'}


def step(stage, second, *did, **detail):
    started = f"2026-11-23T12:00:{second:02d}.000+00:00"
    return {
        "stage": stage,
        "started": started,
        "seconds": 1.0,
        "changed": True,
        "did": [*did],
        "detail": detail,
    }


@pytest.fixture
def written(make_site, run_module, tmp_path):
    """Return ``written(**options)``: the report of a run with a reject that switched, and its page."""

    def write(**options):
        site, work = make_site(), tmp_path / "work"
        site.serve(A)
        site.record(LOADED, B, RUN, {"release": "r2", "bytes": 10, "tables": {"study": COUNTS}})
        site.claim(RUN)
        finding = {"name": "shrink:study", "message": "2 lost", "remedy": "look", "accept": "shrink:study@2"}
        steps = (
            step("load", 5, "load study", tables={"study": COUNTS}),
            step("verify", 10, "check study", findings=[{**finding, "accepted": True}]),
            step("switch", 15, "carry download: 3 carried", rows={"download": 3}),
        )
        for one in steps:
            append_step(work, RUN, one)
        (work / RUN / "rejects").mkdir()
        (work / RUN / "rejects/study.jsonl").write_text(json.dumps(REJECT) + "\n")
        given = {
            "volume": str(site.volume.root),
            "work": str(work),
            "run": RUN,
            "playbook": "ingest",
            "host": "h",
        }
        result = run_module("run_report", **given, operator="0000-0002-1825-0097", **options)
        assert not result.get("warnings"), result
        folder = site.volume.run(RUN)
        return json.loads((folder / "report.json").read_text()), (folder / "report.html").read_text()

    return write


def test_a_report_is_to_its_schema_and_has_its_version(written):
    report, _ = written()
    jsonschema.validate(report, SCHEMA)
    assert SCHEMA["properties"]["version"] == {"const": VERSION}
    assert set(SCHEMA["required"]) == set(report) == set(SCHEMA["properties"])
    assert (report["carried"], report["findings"][0]["accepted"]) == ({"download": 3}, True)
    assert (report["switch"]["from"]["release"], report["switch"]["to"]["release"]) == ("r20261101", "r2")


def test_a_failed_report_is_to_it_too_and_names_the_host_of_which_nothing_is_known(written):
    report, page = written(failure="Start db on h: no answer", hosts=["h", "far"])
    jsonschema.validate(report, SCHEMA)
    assert report["missing"] == ["far"]
    assert page.index("Start db on h: no answer") < page.index("Timeline")


def test_values_of_rejected_rows_are_in_neither_file_unless_they_are_asked_for(written):
    report, page = written()
    (group,) = report["rejects"]["groups"]
    assert (group["table"], group["column"], group["places"]) == (
        "study",
        "city",
        [{"file": "/d/s.csv", "line": 7}],
    )
    assert "/d/s.csv:7" in page
    assert "Geneva" not in page + json.dumps(report)


def test_values_of_rejected_rows_are_in_both_files_where_they_are_asked_for(written):
    report, page = written(values=True)
    jsonschema.validate(report, SCHEMA)
    assert report["rejects"]["groups"][0]["places"][0]["value"] == "Geneva"
    assert "/d/s.csv:7: Geneva" in page


@pytest.mark.attack
@pytest.mark.parametrize("rejects", [7, {"groups": [{}]}, {"groups": [{"places": [1]}]}, {"groups": 1}])
def test_rejects_of_another_form_are_left_out(site_of, rejects):
    assert site_of({"rejects": rejects})["rejects"] == {}


@pytest.fixture
def site_of(make_site, run_module):
    """Return ``site_of(detail)``: the report of a run in which another host told that."""

    def report(detail):
        site = make_site()
        site.claim(RUN)
        given = {
            "volume": str(site.volume.root),
            "run": RUN,
            "playbook": "load",
            "operator": "0000-0002-1825-0097",
        }
        return run_module("run_report", **given, steps=[{**step("load", 1), "detail": detail, "host": "w"}])[
            "report"
        ]

    return report
