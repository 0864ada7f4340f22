"""The page of a run: what it shows, that it needs nothing else, and that nothing in it has an effect."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html.parser import HTMLParser

import pytest

from plugins.module_utils.reingest.reporting.page import page_of

RUN = "20261123T120000Z-ab"
A, B = ({"snapshot": f"2026110{day}T000000Z", "release": f"r{day}"} for day in (1, 2))
COUNTS = {
    "owner": "source",
    "read": 24,
    "loaded": 12,
    "duplicates": 1,
    "orphans": 0,
    "rejected": 2,
    "filtered": 9,
}


def step(second, *did, stage="switch", seconds=1.0, changed=True, failure=None, host="db"):
    return {
        "host": host,
        "stage": stage,
        "started": f"2026-11-23T12:00:{second:02d}.000+00:00",
        "seconds": seconds,
        "changed": changed,
        "did": list(did),
        "failure": failure,
    }


STEPS = [
    step(0, stage="preflight"),
    step(5, "load study", stage="load"),
    step(15, "stop backend", host="web"),
]


def report(**more):
    stages = [
        {"name": one["stage"], "started": one["started"], "seconds": 5.0, "worked": 1.0} for one in STEPS
    ]
    return {
        "run": RUN,
        "playbook": "ingest",
        "operator": "0000-0002-1825-0097",
        "proof": "",
        "outcome": "done",
        "failure": "",
        "started": "2026-11-23T12:00:00.000+00:00",
        "seconds": 30.0,
        "window_seconds": 7.0,
        "changed": True,
        "stages": stages,
        "steps": STEPS,
        "missing": [],
        "tables": {"study": COUNTS},
        "profiles": {},
        "rejects": {},
        "carried": {},
        "findings": [],
        "outage": {},
        "switch": {"kind": "ingest", "from": A, "to": B, "live": B},
        "ledger": {"last": "f00d", "broken": []},
        "version": 1,
        **more,
    }


OUTAGE = {
    "measured": True,
    "outage_s": 2.5,
    "probes": 200,
    "failed": 25,
    "worst_ms": 90.0,
    "gaps": [{"began": "2026-11-23T12:00:15.500+00:00", "seconds": 2.5, "failed": 25, "ended": True}],
    "first_new": "2026-11-23T12:00:18.000+00:00",
    "new_release": "r2",
    "window_s": 3.0,
    "parts": {"between": 0.5, "stop_writers": 1.0},
    "budget_s": 0,
}


class Page(HTMLParser):
    """What a browser finds: elements, their attributes, and the text of each kind of element."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.page, self.open, self.tags, self.attributes, self.texts = page, [], [], [], {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *one) for one in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *one) for one in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts.setdefault(tag, []).append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts["main"]).split())


def page(more=None, **options):
    found = Page(page_of(report(**(more or {})), **options))
    assert not found.open
    return found


def test_what_happened_is_in_the_first_three_lines():
    told = page({"outage": OUTAGE}).text
    assert told.startswith(
        "Ingest of r2: done Verdict Done in 30.0 s, since 2026-11-23 12:00:00 UTC Release from r1 "
    )
    assert (
        "to r2 (snapshot 20261102T000000Z) Outage 2.50 s without a good answer; 25 of 200 probes failed"
        in told
    )


def test_a_failed_run_says_first_what_failed_and_what_to_do():
    failure = "the switch failed in Start production on db: no answer\n- look into db.log"
    switch = {"kind": "ingest", "from": A, "to": B, "live": A}
    told = page({"outcome": "failed", "failure": failure, "switch": switch}).text
    assert told.index("What failed the switch failed in Start production on db") < told.index("What to do")
    assert told.index("What to do r1 (snapshot 20261101T000000Z) is live.") < told.index("Timeline")
    assert "and back: r1 (snapshot 20261101T000000Z) serves" in told


def test_a_run_that_could_not_be_undone_sends_to_the_recovery():
    told = page({"outcome": "failed", "failure": "NOT undone on web: run recover.yml"}).text
    assert "Run recover.yml as the text above says" in told


def test_a_first_ingest_has_no_outage():
    switch = {"kind": "ingest", "from": {"snapshot": "", "release": ""}, "to": B, "live": B}
    assert "Outage none: nothing served before" in page({"switch": switch}).text


def test_the_timeline_has_every_step_of_every_host():
    found = page()
    assert {"steps on db", "steps on web"} <= set(found.texts["svg"])
    titles = found.texts["title"]
    assert any(one == "web: stop backend: 1.00 s" for one in titles)
    assert any(one == "db: load study: 1.00 s" for one in titles)
    assert "No step is known of far: contact was lost" in page({"missing": ["far"]}).text


def test_the_window_is_shaded_where_users_had_no_answer():
    found = page({"outage": OUTAGE})
    assert "no good answer for 2.50 s" in found.texts["svg"]
    assert ("rect", "class", "away") in found.attributes
    assert "1.00 s stop backend" in found.texts["svg"]
    assert ("line", "class", "new") in found.attributes
    assert "stop writers 1.00 between 0.50" in found.text
    assert "The window" not in page({"steps": STEPS[:2]}).text


def test_rows_stand_before_and_after_with_their_difference():
    assert "study source 10 12 +2 (+20.0%) 24 1 0 2 9" in page(before={"study": 10}).text
    profiles = {"study": {"rows": 12, "rows_before": 16}}
    assert "study source 16 12 -4 (-25.0%)" in page({"profiles": profiles}, before={"study": 10}).text


def test_a_rollback_shows_the_rows_of_both_snapshots():
    assert (
        "study source 12 10 -2 (-16.7%)"
        in page({"tables": {}}, before={"study": 12}, after={"study": 10}).text
    )


REJECTS = {
    "rows": 3,
    "whole": False,
    "groups": [
        {
            "table": "study",
            "column": "city",
            "reason": "value too long",
            "rows": 3,
            "places": [{"file": "/d/s.csv", "line": 7}],
        }
    ],
}


def test_rejects_stand_by_reason_with_their_places():
    told = page({"rejects": REJECTS}).text
    assert "By reason; of the first 3 that were looked at" in told
    assert "study city value too long /d/s.csv:7 3" in told


def test_a_failure_shows_the_values_of_a_row_only_where_that_is_asked_for():
    failure = "s.csv:7: table study, column city: 'Geneva': value too long"
    failed = {"outcome": "failed", "failure": failure, "steps": [step(1, failure=failure)]}
    assert "Geneva" not in page(failed).page
    assert page(failed, values=True).page.count("Geneva") == 2


def test_of_users_rows_only_counts_are_shown():
    assert (
        "Carried to what serves now, 3 in all table rows download 3"
        in page({"carried": {"download": 3}}).text
    )


def test_findings_stand_with_who_accepted_them():
    finding = {"name": "shrink:study", "message": "2 rows lost", "remedy": "look", "accepted": True}
    told = page({"findings": [finding, {**finding, "name": "shrink:other", "accepted": False}]}).text
    assert "shrink: 2 finding what was found, and what to do accepted" in told
    assert "shrink:study 2 rows lost look by 0000-0002-1825-0097" in told
    assert "shrink:other 2 rows lost look no" in told


def test_a_run_that_verified_says_that_nothing_was_found_and_another_says_nothing():
    assert "Findings None." in page({"steps": [step(1, stage="verify")]}).text
    assert "Findings" not in page().text


def test_a_run_stands_beside_the_earlier_ones():
    past = [
        {
            "run": "before",
            "kind": "ingest",
            "release": "r1",
            "seconds": 90.0,
            "outage_s": None,
            "rows": 10,
            "bytes": 1e6,
        },
        {
            "run": RUN,
            "kind": "ingest",
            "release": "r2",
            "seconds": 31.0,
            "outage_s": 2.5,
            "rows": 12,
            "bytes": 2e6,
        },
    ]
    told = page(past=past).text
    assert "Duration : 30.0 s; from 30.0 s to 1 min 30 s" in told
    assert "before ingest r1 1 min 30 s - 10 1.0 MB" in told
    assert f"{RUN} (this run) ingest, done - 30.0 s - - -" in page(past=past[:1]).text
    assert "Beside earlier runs" not in page(past=[]).text


def test_it_needs_nothing_outside_itself_and_has_no_script():
    found = page({"outage": OUTAGE, "rejects": REJECTS})
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(found.tags)
    assert not [
        one for one in found.attributes if one[1] in ("src", "href", "style") or one[1].startswith("on")
    ]
    assert "url(" not in found.page
    assert "://" not in found.page
    (policy,) = [
        value
        for tag, name, value in found.attributes
        if (tag, name) == ("meta", "content") and "src" in value
    ]
    style = "".join(found.texts["style"])
    kept = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{kept}'")


def test_it_can_be_read_aloud_and_by_keyboard():
    found = page({"outage": OUTAGE, "rejects": REJECTS})
    assert ("html", "lang", "en") in found.attributes
    assert (found.tags.count("h1"), found.tags.count("main")) == (1, 1)
    assert (
        found.tags.count("table")
        == found.tags.count("caption")
        == found.attributes.count(("div", "tabindex", "0"))
    )
    pictures = found.attributes.count(("svg", "role", "img"))
    assert pictures == found.tags.count("desc") >= 2
    scopes = [one for one in found.attributes if one[:2] == ("th", "scope")]
    assert len(scopes) == found.tags.count("th")


HOSTILE = "</style></td><script>alert(1)</script><img src=x onerror=y> \" ' \x1b[2J\u202e\u200b\x00\ud800"


def everywhere(value, told):
    """Return a report's values with every text, also each name of a table, exchanged for another one."""
    if isinstance(value, dict):
        kept = ("run", "started", "began", "first_new", "outcome", "kind")
        own = (
            value
            if value.keys() & {"run", "host", "snapshot", "name", "owner", "measured", "reason", "file"}
            else {}
        )
        return {
            (key if own or not isinstance(one, (dict, int)) or key in report() else told): (
                one if key in kept else everywhere(one, told)
            )
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [everywhere(one, told) for one in value]
    return told if isinstance(value, str) else value


@pytest.mark.attack
def test_hostile_texts_have_no_effect_wherever_they_stand():
    finding = {"name": "a:b", "message": "m", "remedy": "r", "accepted": True}
    full = report(
        outage=OUTAGE,
        rejects=REJECTS,
        carried={"download": 3},
        findings=[finding],
        outcome="failed",
        failure="f",
        missing=["far"],
    )
    evil = everywhere(full, HOSTILE)
    past = [{"run": HOSTILE, "kind": HOSTILE, "release": HOSTILE, "seconds": 1.0}] * 2
    found = Page(page_of(evil, past=past, before={HOSTILE: 1}, values=True))
    assert not found.open
    assert not {"script", "img"} & set(found.tags)
    assert not [one for one in found.attributes if one[1].startswith("on")]
    assert found.page.count("&lt;script&gt;") > 20
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\ud800]", found.page)
    found.page.encode()


@pytest.mark.attack
def test_a_report_of_any_size_makes_a_page_of_bounded_size_that_counts_the_rest():
    long = "x" * 10_000_000
    finding = {"name": "vanished:t", "message": "m" * 200, "remedy": long, "accepted": False}
    many = {
        "failure": long,
        "outcome": "failed",
        "findings": [{**finding, "name": f"kind{number % 90}:{number}"} for number in range(50_000)],
        "tables": {f"t{number}": COUNTS for number in range(5_000)},
        "carried": {f"t{number}": 1 for number in range(5_000)},
        "steps": [
            step(number % 60, *["did" * 999] * 99, host=f"h{number % 99}", failure=long)
            for number in range(5_000)
        ],
        "rejects": {"rows": 1, "whole": True, "groups": REJECTS["groups"] * 5_000},
    }
    began = time.process_time()
    made = page_of(report(**many))
    assert time.process_time() - began < 2
    assert len(made) < 3_000_000
    told = Page(made).text
    assert "(9,980,000 more characters)" in told
    for what in (
        "4,500 more tables",
        "4,600 more steps",
        "4,900 more reasons",
        "546 more of kind0",
        "27,760 more of other kinds",
    ):
        assert f"and {what}" in told


@pytest.mark.attack
@pytest.mark.parametrize("odd", [None, 7, "x", [], ["x"], {}, {"x": "y"}, [{"x": {}}]])
def test_a_report_whose_parts_are_of_another_kind_is_a_page_all_the_same(odd):
    for name in report():
        if name != "outage":  # it is typed where it is read, see runs.told_step
            assert page_of(report(**{name: odd})).endswith("</html>\n")


LATEST = "9999-12-31T23:59:59-14:00"


@pytest.mark.attack
@pytest.mark.parametrize("odd", [None, 7, -1, 1e308, float("nan"), 10**40, LATEST, [[1]], {"x": {}}], ids=str)
def test_steps_and_rejects_of_another_kind_are_a_page_all_the_same(odd):
    parts = {
        "steps": STEPS[2],
        "stages": report()["stages"][0],
        "findings": {"name": "a:b", "accepted": True},
    }
    for name, part in parts.items():
        for key in part:
            assert page_of(report(**{name: [{**part, key: odd}]})).endswith("</html>\n")
    (group,) = REJECTS["groups"]
    for key in group:
        rejects = {**REJECTS, "groups": [{**group, key: odd}]}
        assert page_of(report(rejects=rejects)).endswith("</html>\n")
