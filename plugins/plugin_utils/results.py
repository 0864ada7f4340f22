"""What the controller takes from a host: of a module's answer what the module documents, as it documents it.

A host may be in the wrong hands, and Ansible acts upon some keys of a result, whoever made it:
``add_host``, ``ansible_facts``. So each answer is read by the module's own RETURN: other keys are dropped, a
value of another type is refused, and no text keeps a character that is not seen.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ..module_utils.reingest.disclosure.printable import printable, printable_text
from ..module_utils.reingest.runs.told_step import step_from, tables_from

_MODULES = Path(__file__).parents[1] / "modules"
_RETURN = re.compile(r'^RETURN = r"""$(.*?)^"""$', re.DOTALL | re.MULTILINE)
# What any module may answer, beside its own; Ansible reads these with care (`normalize_result_exception`).
_COMMON: Mapping[str, Any] = {
    "changed": {"type": "bool"},
    "failed": {"type": "bool"},
    "msg": {"type": "str"},
    "rc": {"type": "int"},
    "exception": {"type": "any"},
    "warnings": {"type": "list"},
    "deprecations": {"type": "list"},
    "module_stdout": {"type": "str"},
    "module_stderr": {"type": "str"},
    "diff": {"type": "dict", "contains": {"before": {"type": "str"}, "after": {"type": "str"}}},
    "invocation": {"type": "dict"},
}
# Why it was refused, of a call with `gather`; what a module itself returns as `findings` is something else.
_GATHERED: Mapping[str, Any] = {"findings": {"type": "list", "elements": "str"}}
# What a failure has beside its message and plain values: other lists would be printed, a page for each table.
_OF_FAILURES = (*_COMMON, "holder", "challenge")
_LONG = ("list", "dict", "any")
_ALWAYS = ("always", "success")
_FORMS = {"step": step_from, "steps": lambda steps: [step_from(one) for one in steps]}  # in every module
_OF_LOADS = {**_FORMS, "tables": tables_from}
_LOADS = ("ingest_load", "loader_run")
_FOUND = (
    "discovered_interpreter_",
    "ansible_discovered_interpreter_",
)  # facts that the controller adds itself
_DEEPEST = 32
_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "list": (list,),
    "dict": (dict,),
}


def accepted(module: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a module's answer that the controller goes on with.

    Args:
        module: the module's name, with or without its collection.
        result: what Ansible, or the file of a job, gave as its result.

    Returns:
        the documented keys; a failure that says so, with nothing else, where a value is not as documented, or
        one that is always returned is missing. A failure keeps its message, whatever is wrong beside it, and
        what was refused but gathered has only what it found.
    """
    name = module.rpartition(".")[2]
    declared = _declared(name)
    shapes = {**_GATHERED, **declared, **_COMMON}
    forms = _OF_LOADS if name in _LOADS else _FORMS
    failed = bool(result.get("failed"))
    kept: dict[str, Any] = {"_ansible_parsed": bool(result.get("_ansible_parsed"))}
    for key, shape in shapes.items():
        if key not in result or (failed and key not in _OF_FAILURES and shape["type"] in _LONG):
            continue
        try:
            value = _shaped(result[key], shape, key)
            kept[key] = forms[key](value) if key in forms else value
        except ValueError as error:
            if not failed:
                return _refused(name, str(error))
    missing = [key for key in shapes if shapes[key].get("returned") in _ALWAYS and key not in result]
    gathered = not declared.keys() & _GATHERED.keys() and kept.get("findings")
    if missing and not failed and not gathered:
        return _refused(name, f"it lacks {', '.join(missing)}")
    facts = result.get("ansible_facts")
    found = {key: facts[key] for key in facts if key.startswith(_FOUND)} if isinstance(facts, dict) else {}
    return {**kept, "failed": failed, **({"ansible_facts": found} if found else {})}


@cache
def _declared(name: str) -> dict[str, Any]:
    found = _RETURN.search((_MODULES / f"{name}.py").read_text(encoding="utf-8"))
    return dict(yaml.safe_load(found[1])) if found else {}


def _refused(name: str, reason: str) -> dict[str, Any]:
    return {
        "failed": True,
        "changed": False,
        "msg": f"what the host answers for {name} is not what that module returns ({printable(reason)}): "
        "nothing of it was used; look at the host before anything else is run there",
    }


def _shaped(value: Any, shape: Mapping[str, Any], name: str) -> Any:
    """Return a value as a shape of RETURN wants it.

    Raises:
        ValueError: it is of another type.
    """
    kind = shape["type"]
    if value is None and (kind == "dict" or shape.get("returned") not in _ALWAYS):
        return None  # there is no lock, no promotion, no window
    if kind != "any" and (
        not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "bool")
    ):
        raise ValueError(f"{name} is {type(value).__name__}, not {kind}")
    if kind == "list" and "elements" in shape:
        inner = {**shape, "type": shape["elements"], "elements": "any", "returned": "always"}
        return [_shaped(one, inner, f"an element of {name}") for one in value]
    if kind == "dict" and "contains" in shape:
        parts = shape["contains"]
        return {key: _shaped(value[key], parts[key], f"{name}.{key}") for key in parts if key in value}
    return _plain(value, name)


def _plain(value: Any, name: str, depth: int = 0) -> Any:
    """Return plain values of any shape, texts as they may be shown; of Ansible's classes the same class."""
    if depth > _DEEPEST:
        raise ValueError(f"{name} is deeper than {_DEEPEST}")
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return printable_text(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dict):
        return {printable_text(str(key)): _plain(one, name, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(one, name, depth + 1) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):  # Ansible's, of a warning or an error
        parts = {one.name: getattr(value, one.name) for one in dataclasses.fields(value) if one.init}
        return dataclasses.replace(value, **{key: _message(one, depth) for key, one in parts.items()})
    raise ValueError(f"{name} holds {type(value).__name__}")


def _message(value: Any, depth: int) -> Any:
    """Return a part of one of Ansible's messages, which may hold what is no plain value (an enum)."""
    try:
        return _plain(value, "a message", depth + 1)
    except ValueError:
        return value
