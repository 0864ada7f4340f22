"""What later tasks send to a host is put together while the host works for an earlier one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleError

from plugins.plugin_utils import ahead

ROOT = Path(__file__).parents[3]
MODULES = {path.stem for path in (ROOT / "library").glob("*.py")}


def test_the_bundle_of_a_later_task_is_there_when_the_earlier_one_has_ended(tmp_path):
    context = {"volume": str(tmp_path / "none"), "run": "20261123T114500Z-4711", "playbook": "ingest"}
    kept = "find {{ folder }} -name '*.snapshot_prune-*' -not -name '*.lock'"
    tasks = [
        {"dataportal.reingest.run_check": {**context, "loads": True, "gather": True}},
        {"ansible.builtin.command": kept, "register": "found", "changed_when": False},
        {"ansible.builtin.assert": {"that": "found.stdout_lines | length == 1"}},
    ]
    play = tmp_path / "play.yml"
    play.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    command = [Path(sys.executable).with_name("ansible-playbook"), play, "-i", "localhost,", "-c", "local"]
    kept_apart = ("ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_CALLBACKS_ENABLED", "REINGEST_TEST_BUNDLES")
    environment = {name: value for name, value in os.environ.items() if name not in kept_apart}
    environment["ANSIBLE_LOCAL_TEMP"] = str(tmp_path / "temporary")
    ran = subprocess.run(
        [*command, "-e", f"ansible_python_interpreter={sys.executable} folder={tmp_path}/temporary"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_only_bundles_are_begun_while_the_host_works_and_the_begun_one_is_finished():
    begun, may_end, made = threading.Event(), threading.Event(), []

    def make(module):
        begun.set()
        may_end.wait(10)
        made.append(module)

    bundles = ahead.Ahead(("ingest_load", "run_check"), make)
    with bundles.working():
        assert begun.wait(10)
        threading.Timer(0.05, may_end.set).start()
    assert made == ["ingest_load"]
    with bundles.working():  # the host works again: an ingest's load is looked at many times
        while len(made) < 2:
            assert not threading.Event().wait(0.005)
    assert made == ["ingest_load", "run_check"]


@pytest.mark.parametrize("error", [AnsibleError("no such module"), OSError("no space left")])
def test_what_cannot_be_put_together_early_is_left_to_its_own_task(error):
    asked = []

    def make(module):
        asked.append(module)
        raise error

    bundles = ahead.Ahead(("ingest_load", "run_check"), make)
    for _ in range(2):
        with bundles.working():
            while not asked:
                assert not threading.Event().wait(0.005)
    assert asked == ["ingest_load"]


@pytest.mark.parametrize(
    ("module", "arguments", "variables", "expected"),
    [
        ("run_begin", {"playbook": "ingest"}, {}, ("ingest_load", "run_check")),
        ("run_begin", {"playbook": "load"}, {"reingest_load_method": "http"}, ("loader_run", "run_check")),
        ("run_begin", {"playbook": "rollback"}, {}, ("run_check",)),
        ("ingest_load", {"playbook": "ingest", "plan_only": True}, {}, ("run_check",)),
        ("run_check", {"playbook": "ingest", "loads": False}, {}, ()),
        ("ingest_load", {"playbook": "load"}, {}, ("snapshot_finalise", "ingest_verify", "run_report")),
        ("service_group", {"playbook": "ingest"}, {}, ()),
        ("switch_steps", {"playbook": "ingest"}, {}, ()),
        ("snapshot_prune", {"playbook": "prune"}, {}, ()),
    ],
)
def test_only_what_the_run_will_call_is_put_together(module, arguments, variables, expected):
    assert ahead.comes_next(module, arguments, variables) == expected


@pytest.mark.parametrize("module", sorted(MODULES))
@pytest.mark.parametrize("playbook", ["ingest", "load", "promote"])
def test_each_module_that_comes_next_is_one_of_the_collection(module, playbook):
    for plan in (True, False):
        arguments = {"playbook": playbook, "plan_only": plan, "loads": True, "stage": "load"}
        assert set(ahead.comes_next(module, arguments, {})) <= MODULES
