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
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
DEPRECATED = {"reingest_dead_man": "reingest_watchdog"}  # old name of a variable, and what replaces it
WIDEST = 120
# What a reader has to guess at, and what to write instead.
RIDDLES = {
    "gone on with": "resumed",
    "a hand on": "manual intervention",
    "by a hand": "manually",
    "to a hand": "to an operator",
    "as a hand": "as an operator",
    "dead man": "watchdog",
    "what .{0,30} has left": "state left by an interrupted run",
    "is told\\b": "is determined from, is reported",
    "nobody (?:is|has)": "no process, no other server",
    "lets? go\\b": "permits deleting, unpins",
    "of somebody": "of another run, of another server",
    "for a person to": "an operator must",
    "mend(?:ed|s)?\\b": "repairs",
    "behind the row": "after the row",
    "taken along": "copied, shipped",
}


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
    assert {DEPRECATED.get(name, name) for name in used} == documented - set(DEPRECATED)


@pytest.mark.parametrize("old", DEPRECATED)
def test_a_deprecated_variable_is_listed_beside_the_one_that_replaces_it(old):
    reference = (ROOT / "docs/inventory.md").read_text()
    deprecated = reference.split("\nDeprecated", 1)[1].split("\n### ", 1)[0]
    assert re.search(rf"^\| `{old}` \| `{DEPRECATED[old]}`", deprecated, re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_named_files_exist(document):
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target
    for target in re.findall(
        r"`((?:playbooks|roles|demo|inventories|docs|plugins|tests|library)/[\w./-]+)`", text
    ):
        assert (ROOT / target).exists(), target


def anchors(document):
    """Return what a link may name behind `#`: the headings, as they are turned into anchors."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_into_a_document_name_a_heading_of_it(document):
    for target, anchor in re.findall(r"\]\(([^):]*)#([^)]+)\)", document.read_text()):
        assert anchor in anchors((document.parent / target) if target else document), f"{target}#{anchor}"


def test_every_playbook_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for path in (ROOT / "playbooks").glob("*.yml"):
        assert path.name in readme, path.name


def prose(text):
    """Yield number and text of each line that is no table, no code block and no picture."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith(("|", "    ", "![")):
            yield number, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_is_wrapped(document):
    bare = [(number, re.sub(r"\]\([^)]+\)", "]", line)) for number, line in prose(document.read_text())]
    assert not [(number, line) for number, line in bare if len(line) > WIDEST]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_has_to_be_guessed_at(document):
    text = " ".join(document.read_text().split())  # a phrase may be wrapped
    found = {
        text[max(0, match.start() - 30) : match.end() + 30]: instead
        for phrase, instead in RIDDLES.items()
        for match in re.finditer(phrase, text, re.IGNORECASE)
    }
    assert not found


def test_each_decision_is_in_the_index_of_decisions():
    index = (ROOT / "docs/adr/README.md").read_text()
    for path in (ROOT / "docs/adr").glob("0*.md"):
        assert f"[{path.name[:4]}]({path.name})" in index
        assert re.match(rf"# {path.name[:4]}: .+\n\nStatus: ", path.read_text()), path.name


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_what_it_is_and_where_its_reference_is(role):
    about = yaml.safe_load((ROOT / "roles" / role / "meta/main.yml").read_text())["galaxy_info"]
    assert about["description"]
    assert about["license"] == "Apache-2.0"
    assert (
        f"dataportal.reingest.{role} prints it"
        in (ROOT / "roles" / role / "meta/argument_specs.yml").read_text()
    )
