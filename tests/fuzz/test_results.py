"""Results: of whatever a host answers for a module, only what the module documents is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hostile import fed, json_texts
from hypothesis import strategies as st

from plugins.module_utils.reingest.disclosure.printable import printable_text
from plugins.module_utils.reingest.runs.steps import StepClock
from plugins.plugin_utils.results import (
    _COMMON,
    _RETURN,
    _shaped,
    accepted,
)

MODULES = {
    path.stem: yaml.safe_load(_RETURN.search(path.read_text(encoding="utf-8"))[1])
    for path in sorted(Path("plugins/modules").glob("[a-z]*.py"))
}
OURS = {"_ansible_parsed", "failed", "ansible_facts"}
PLAIN = {
    "str": "told",
    "bool": True,
    "int": 7,
    "float": 1.5,
    "list": ["one"],
    "dict": {"a": 1},
    "any": "told",
}
STEP = StepClock("load").step(["did"], changed=True, detail={"tables": {"t": {"owner": "source", "read": 1}}})
KNOWN = {"step": STEP, "steps": [STEP], "tables": {"study": {"owner": "source", "read": 1, "loaded": 1}}}
# what Ansible would act upon
ACTED_UPON = {
    "add_host": {"host_name": "added", "host_vars": {"ansible_connection": "local"}},
    "ansible_facts": {"ansible_connection": "ssh", "discovered_interpreter_python": "/usr/bin/python3"},
    "_ansible_no_log": False,
    "invocation": {"module_args": {"dsn": "x"}},
}


def sample(key, shape):
    """Return a value as RETURN documents it."""
    if key in KNOWN:
        return KNOWN[key]
    if shape["type"] == "dict" and "contains" in shape:
        return {part: sample("", below) for part, below in shape["contains"].items()}
    if shape["type"] == "list" and "elements" in shape:
        return [sample("", {**shape, "type": shape["elements"], "elements": "any"})]
    return PLAIN[shape["type"]]


ANSWERS = {
    module: {key: sample(key, shape) for key, shape in documented.items()}
    for module, documented in MODULES.items()
}


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from texts(key)
            yield from texts(below)
    elif isinstance(value, (list, tuple)):
        for below in value:
            yield from texts(below)


@fed(st.sampled_from(sorted(MODULES)), st.data())
def test_of_an_answer_only_what_the_module_documents_is_kept(only, module, data):
    answer = {**ANSWERS[module], "changed": False}
    text = data.draw(json_texts([answer, {**answer, **ACTED_UPON}, {"failed": True, "msg": "no"}]))
    try:
        result = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return
    if not isinstance(result, dict):
        return
    with only():
        kept = accepted(module, result)
        assert set(kept) <= {*MODULES[module], *_COMMON, *OURS}
        assert set(kept.get("ansible_facts", ())) <= {"discovered_interpreter_python"}
        assert isinstance(kept["failed"], bool)
        for said in texts({key: value for key, value in kept.items() if key != "ansible_facts"}):
            assert said == printable_text(said)
        for key, value in kept.items():
            if key in MODULES[module] and not kept["failed"]:
                _shaped(value, MODULES[module][key], key)
        json.dumps(kept)


@pytest.mark.parametrize("module", MODULES)
def test_the_answers_that_are_changed_are_sound(module):
    kept = accepted(module, ANSWERS[module])
    assert not kept["failed"], kept
    assert {key: kept[key] for key in MODULES[module]} == ANSWERS[module]
