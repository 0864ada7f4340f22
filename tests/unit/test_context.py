"""The run's context is told once a play, to every module of the run, and to no task by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from plugins.module_utils.runner import CONTEXT

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in (ROOT / "library").glob("*.py"))
GROUP = "group/dataportal.reingest.run"
OURS = "dataportal.reingest."
# What a task says of itself: which stage of the report it is, when not the module's own.
ITS_OWN = {"stage", "gather"}
TASK_FILES = sorted((ROOT / "roles").glob("*/tasks/*.yml"))
PLAYBOOKS = sorted((ROOT / "playbooks").rglob("*.yml"))


def shown(path):
    return str(path.relative_to(ROOT))


def tasks_of(tasks):
    """Yield every task, also those of blocks."""
    for task in tasks or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part))


def our_calls(tasks):
    """Yield the name of each module of ours that is called, and its arguments."""
    for task in tasks_of(tasks):
        for name, arguments in task.items():
            if name.startswith(OURS) and name.removeprefix(OURS) in MODULES:
                yield name.removeprefix(OURS), arguments or {}


def plays():
    for path in sorted((ROOT / "playbooks").rglob("*.yml")):
        content = yaml.safe_load(path.read_text())
        if isinstance(content, list):
            for play in content:
                if "hosts" in play:
                    yield pytest.param(play, id=f"{path.name}: {play['name']}")


def test_every_module_is_in_the_action_group():
    group = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["run"]
    assert sorted(group) == MODULES


def test_every_key_of_the_context_is_an_option_of_every_module():
    context = yaml.safe_load((ROOT / "playbooks/vars/run.yml").read_text())["stage_context"]
    assert set(context) == set(CONTEXT) - {"records", "stage", "gather"}


@pytest.mark.parametrize("play", list(plays()))
def test_a_play_that_runs_our_roles_tells_them_the_context(play):
    roles = [task for task in tasks_of(play.get("tasks")) if "ansible.builtin.import_role" in task]
    if roles or list(our_calls(play.get("tasks"))):
        assert GROUP in play["module_defaults"], "its modules would run without the run's context"


@pytest.mark.parametrize("path", TASK_FILES, ids=shown)
def test_no_task_of_a_role_repeats_the_context(path):
    for module, arguments in our_calls(yaml.safe_load(path.read_text())):
        assert not set(arguments) & (set(CONTEXT) - ITS_OWN), f"{module} in {path}"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=shown)
def test_no_playbook_reads_a_private_register_of_a_role(path):
    roles = [role.name for role in (ROOT / "roles").iterdir()]
    assert not [role for role in roles if f"__{role}_" in path.read_text()]


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_no_role_reads_a_private_register_of_another(role):
    for path in sorted((ROOT / "roles" / role).rglob("*.yml")):
        for other in {folder.name for folder in (ROOT / "roles").iterdir()} - {role}:
            assert f"__{other}_" not in path.read_text(), path
