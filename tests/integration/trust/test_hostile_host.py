"""What a hostile host answers has no effect on the controller or on other hosts."""

from __future__ import annotations

import json

import pytest
from tiers import sample, sample_of

pytestmark = pytest.mark.attack
RUN = "20261123T114500Z-4711"
STEP = {
    "stage": "load",
    "started": "2026-11-23T11:45:00.000+00:00",
    "seconds": 1.0,
    "changed": True,
    "did": ["load"],
    "detail": {},
}
LOADED = {
    "changed": True,
    "action": "load",
    "snapshot": "20261123T114500Z",
    "release": "r1",
    "digest": "0",
    "tables": {"study": {"owner": "source", "read": 1, "loaded": 1}},
    "kept": {},
    "rejects": "",
    "sources": [],
    "system_identifier": "7",
    "database": "portal",
    "databases": [],
    "portal": False,
    "roles": [],
    "reader": {},
    "step": STEP,
}


def reached(evil):
    """Return what a controller would run, were it to believe the host, and the file that tells it did."""
    return f"-o ProxyCommand='touch {evil.home}/reached'", evil.home / "reached"


def hostile(evil):
    arguments, _ = reached(evil)
    return {
        "add_host": {
            "host_name": "added",
            "groups": ["backend"],
            "host_vars": {"ansible_connection": "local"},
        },
        "add_group": "added",
        "ansible_facts": {
            "mine": "stolen",
            "ansible_ssh_common_args": arguments,
            "ansible_connection": "ssh",
        },
        "_ansible_no_log": False,
        "mine": "stolen",
    }


def load_task(evil, **more):
    work = str(evil.home / "work")
    dsn = "postgresql://loader@db/postgres"
    options = {
        "dataset": "/d.yml",
        "staging_dsn": dsn,
        "work": work,
        "run": RUN,
        "operator": "0000-0002-1825-0097",
        **more,
    }
    return {"dataportal.reingest.ingest_load": options, "register": "told"}


def job(evil, result):
    """Have the host start a job that hands in ``result``, and that writes no state."""
    file = evil.home / "job"
    file.write_text(json.dumps(result))
    evil.answers(
        "async_wrapper", started=1, finished=0, ansible_job_id="j817263540917.1", results_file=str(file)
    )
    evil.answers("async_status", started=1, finished=1, ansible_job_id="j817263540917.1", **result)


TELL = {"ansible.builtin.debug": {"msg": "told={{ told | to_json }}"}}


@pytest.mark.parametrize("way", sample(["file", "async_status"], "file"))
def test_a_job_s_result_adds_no_host_and_no_variable(evil, way):
    result = {**LOADED, **hostile(evil)}
    if way == "async_status":
        result["warnings"] = ["one"]
    job(evil, result)
    code, output = evil.play(load_task(evil, plan_only=False), TELL)
    assert code == 0, output
    assert "hosts=evil mine=kept" in output
    assert "stolen" not in output
    assert not reached(evil)[1].exists()


def test_a_job_s_result_names_no_interpreter(evil):
    named = "/usr/bin/env touch reached"
    job(evil, {**LOADED, "ansible_facts": {"discovered_interpreter_python": named}})
    told = {
        "ansible.builtin.debug": {
            "msg": "found={{ ansible_facts.discovered_interpreter_python | default() }}"
        }
    }
    code, output = evil.play(load_task(evil, plan_only=False), told)
    assert code == 0, output
    assert "found=" in output
    assert named not in output


MODULES = {
    "outage_watch": {
        "measured": False,
        "predicted": {},
        "deadline": {"budget": 0.0, "parts": {}},
        "step": STEP,
    },
    "run_progress": {"load": {}, "text": [], "step": STEP},
    "service_group": {"acted": [], "running": [], "step": STEP},
    "run_begin": {
        "operator": "0000-0002-1825-0097",
        "kind": "ext4",
        "lost": [],
        "told": [],
        "first": [],
        "interrupted": False,
        "longest_start": 0.0,
        "views_wait": False,
        "running": [],
        "step": STEP,
    },
    "run_lock": {"step": STEP},
    "run_stop": {"ended": [], "released": "", "holder": {}, "text": [], "step": STEP},
    "run_report": {"steps": [STEP], "report": {}, "text": []},
}
NEEDED = {
    "run_lock": {"state": "released"},
    "service_group": {"state": "healthy"},
    "run_stop": {"state": "checked"},
}


def test_no_module_s_answer_adds_a_host_or_a_variable(evil):
    tasks = []
    for module, answer in MODULES.items():
        evil.answers(module, changed=False, **answer, **hostile(evil))
        task = {f"dataportal.reingest.{module}": NEEDED.get(module, {}), "register": "told"}
        tasks += [task, TELL]
    code, output = evil.play(*tasks)
    assert code == 0, output
    assert evil.asked() == list(MODULES)
    assert output.count("told=") == len(MODULES)
    assert "hosts=evil mine=kept" in output
    assert "stolen" not in output
    assert not reached(evil)[1].exists()


TEMPLATE = "{{ lookup('ansible.builtin.pipe', 'touch %s') }}"


def test_text_of_a_host_is_never_a_template(evil):
    said = TEMPLATE % (evil.home / "ran")
    step = {**STEP, "did": [said], "stage": said}
    evil.answers("run_report", changed=False, steps=[step], report={}, text=[said])
    evil.answers("service_group", failed=True, msg=said, step=step)
    report = {"dataportal.reingest.run_report": {}, "register": "told"}
    shown = {"ansible.builtin.debug": {"msg": "{{ told.text | dataportal.reingest.printed }}"}}
    keep = {"ansible.builtin.set_fact": {"kept": "{{ told.steps[0].did[0] }}"}}
    again = {"ansible.builtin.debug": {"msg": "again {{ kept }}"}}
    fails = {"dataportal.reingest.service_group": {"state": "healthy"}}
    rescue = {"ansible.builtin.set_fact": {"reason": "failed: {{ ansible_failed_result.msg }}"}}
    refuse = {"ansible.builtin.assert": {"that": False, "fail_msg": "because {{ reason }}"}}
    block = {"block": [fails], "rescue": [rescue, refuse]}
    _, output = evil.play(report, shown, keep, again, block)
    assert "because failed: {{ lookup(" in output
    assert not (evil.home / "ran").exists()


def test_a_claim_of_another_form_is_not_acted_upon(evil):
    claim = {"run": "{{ x }}", "controller": "here", "process": "4711; id", "process_started": ["1"]}
    evil.answers("run_begin", failed=True, msg="held", holder=claim, step=STEP)
    code, output = evil.play({"dataportal.reingest.run_begin": {}})
    assert code != 0
    assert "held" in output
    assert "Traceback" not in output
    assert evil.asked() == ["run_begin"]


def test_what_a_host_says_keeps_no_character_that_is_not_seen(evil):
    evil.answers("service_group", failed=True, msg="bad \x1b[2J\u202e\u200b\x9bend", step=STEP)
    _, output = evil.play(
        {"dataportal.reingest.service_group": {"state": "healthy"}}, ANSIBLE_CALLBACK_RESULT_FORMAT="yaml"
    )
    assert r"bad \x1b[2J\u202e\u200b\x9bend" in output


@pytest.mark.parametrize(
    "wrong",
    sample_of(
        {
            "a text for tables": {"tables": "all"},
            "a text for rows": {"tables": {"study": {"owner": "source", "read": "1"}}},
            "a number for sentences": {"step": {**STEP, "did": 7}},
        },
        "a text for rows",
    ),
)
def test_an_answer_of_another_type_is_a_failure_that_says_so(evil, wrong):
    job(evil, {**LOADED, **wrong})
    code, output = evil.play(load_task(evil), TELL)
    assert code != 0
    assert "is not what that module returns" in " ".join(output.split())
