"""What each module takes along to a host: Ansible ships every file of ours that it imports, anywhere in it.

Python compiles anew for each task what is imported when the module starts; what stands inside a function is
compiled when it is called. The budgets are just above what there is: raise one only for what the verb needs.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "module_utils"
# module: KiB shipped, KiB imported at its start
BUDGETS = {
    "carry_over": (441, 103),
    "ingest_load": (852, 101),
    "ingest_verify": (593, 99),
    "loader_run": (606, 108),
    "outage_watch": (169, 95),
    "portal_soak": (126, 92),
    "run_begin": (369, 249),
    "run_check": (440, 177),
    "run_lock": (89, 89),
    "run_progress": (106, 106),
    "run_report": (214, 126),
    "run_stop": (166, 136),
    "service_group": (247, 174),
    "snapshot_copy": (254, 213),
    "snapshot_finalise": (259, 91),
    "snapshot_info": (216, 216),
    "snapshot_pin": (128, 128),
    "snapshot_promote": (354, 239),
    "snapshot_prune": (250, 194),
    "staging_discard": (183, 142),
    "staging_settings": (244, 184),
    "switch_steps": (718, 294),
    "switch_window": (688, 137),
}


@cache
def imported(path, *, at_start):
    """Return the files of ours that a file imports: all of them, or those that its start imports."""
    found = set()
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8")), at_start=at_start):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        folder = path.parents[node.level - 1]
        if path.parent == ROOT / "library" and (node.module or "").startswith("module_utils"):
            folder = ROOT
        target = folder.joinpath(*(node.module or "").split("."))
        for one in (target, *(target / name.name for name in node.names)):
            found |= {file for file in (one.with_suffix(".py"), one / "__init__.py") if file.is_file()}
    return frozenset(file for file in found if BASE in file.parents)


def _nodes(tree, *, at_start):
    """Yield the nodes of a file; those that are run when it is imported where ``at_start``."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        if at_start and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if at_start and isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            todo.extend(node.orelse)
            continue
        todo.extend(ast.iter_child_nodes(node))


def bundle(module, *, at_start=False):
    """Return the files that a module takes along, itself among them."""
    seen, todo = set(), [module]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo.extend(imported(file, at_start=at_start))
    return seen


def kib(files):
    return sum(file.stat().st_size for file in files) / 1024


MODULES = {path.stem: path for path in sorted((ROOT / "library").glob("*.py"))}


def test_each_module_has_a_budget():
    assert BUDGETS.keys() == MODULES.keys()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_ships_and_imports_what_its_verb_needs(name):
    shipped, started = bundle(MODULES[name]), bundle(MODULES[name], at_start=True)
    assert ROOT / "module_utils/runner.py" in started
    budget = BUDGETS[name]
    assert (kib(shipped) <= budget[0], kib(started) <= budget[1]) == (True, True), (
        f"{len(shipped)} files, {kib(shipped):.1f} KiB shipped and {kib(started):.1f} KiB at start"
    )
