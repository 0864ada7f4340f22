"""What is written down agrees with what is there: module options, role inputs, inventory variables, links."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

from plugins.module_utils.runner import CONTEXT

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in (ROOT / "library").glob("*.py"))
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def described(options):
    """Return an argument spec as the documentation describes it."""
    return {
        name: {
            "type": option.get("type", "str"),
            "required": option.get("required", False),
            "choices": option.get("choices"),
            "default": option.get("default"),
            "options": described(option.get("suboptions", option.get("options")) or {}),
        }
        for name, option in options.items()
    }


def documented_options(documentation):
    """Return a module's options, its own and those of the fragments it extends."""
    options = dict(documentation.get("options") or {})
    for name in documentation.get("extends_documentation_fragment", []):
        _, _, fragment, *part = name.split(".")
        found = importlib.import_module(f"plugins.doc_fragments.{fragment}").ModuleDocFragment
        text = getattr(found, part[0].upper() if part else "DOCUMENTATION")
        options.update(yaml.safe_load(text)["options"])
    return options


@pytest.mark.parametrize("name", MODULES)
def test_a_modules_documentation_has_its_options_types_and_defaults(name):
    module = importlib.import_module(f"plugins.modules.{name}")
    documented = yaml.safe_load(module.DOCUMENTATION)
    assert documented["module"] == name
    options = {**CONTEXT, **getattr(module, "OPTIONS", {})}
    assert described(documented_options(documented)) == described(options)
    assert {"check_mode", "diff_mode"} <= set(documented["attributes"])
    for example in yaml.safe_load(module.EXAMPLES):
        assert set(example[f"dataportal.reingest.{name}"]) <= set(options)
    assert yaml.safe_load(module.RETURN)


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_inputs_are_the_defaults_and_the_required_ones(role):
    specified = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())[
        "argument_specs"
    ]
    text = (ROOT / "roles" / role / "defaults/main.yml").read_text()
    defaults = set(yaml.safe_load(text))
    without = set(re.findall(rf"^# ({role}_\w+):$", text, re.MULTILINE))
    assert set(specified["main"]["options"]) == defaults | without
    for name, option in specified["main"]["options"].items():
        assert not (option.get("required") and name in defaults), name


def test_every_public_variable_is_in_the_inventory_reference_and_the_other_way_round():
    used = set()
    for folder in ("playbooks", "roles", "inventories/prod"):
        for path in (ROOT / folder).rglob("*.yml"):
            used |= set(re.findall(r"\breingest_[a-z_]+\b", path.read_text()))
    documented = set(re.findall(r"`(reingest_[a-z_]+)`", (ROOT / "docs/inventory.md").read_text()))
    assert used == documented


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_named_files_exist(document):
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target
    for target in re.findall(r"`((?:playbooks|roles|demo|inventories|docs|plugins)/[\w./-]+)`", text):
        assert (ROOT / target).exists(), target


def test_every_playbook_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for path in (ROOT / "playbooks").glob("*.yml"):
        assert path.name in readme, path.name
