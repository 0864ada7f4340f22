"""What an operator wrote behind ``ansible-playbook``, and what of it no run may have."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible.parsing.splitter import parse_kv

from ..module_utils.reingest.disclosure.printable import printable
from ..module_utils.reingest.disclosure.secrets import without_passwords

PREFIX = "reingest_"
_ROOT = Path(__file__).resolve().parents[2]
_READERS = ("playbooks/**/*.yml", "roles/*/defaults/*.yml", "roles/*/vars/*.yml", "roles/*/tasks/*.yml")
_NAME = re.compile(r"(?<![\w.])reingest_\w+")
# What selects tasks of ours, whose one tag is `always`; others pass over none (Molecule gives some).
_OURS = ("all", "always", "tagged", "untagged")
_UNREAD = "_raw_params"  # where Ansible puts words that belong to no variable


def refused_options(arguments: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the options of a run: those that leave out a part of its tasks.

    Args:
        arguments: the parsed command line, ``ansible.context.CLIARGS``.
    """
    given = []
    if list(arguments.get("tags") or ["all"]) != ["all"]:
        given.append(f"--tags {','.join(arguments['tags'])}")
    skipped = [tag for tag in arguments.get("skip_tags") or () if tag in _OURS]
    if skipped:
        given.append(f"--skip-tags {','.join(skipped)}")
    if arguments.get("start_at_task"):
        given.append(f"--start-at-task {arguments['start_at_task']!r}")
    if arguments.get("step"):
        given.append("--step")
    return [
        f"{printable(option)} would leave out a part of the run, its checks among them: run the whole "
        "playbook "
        "(playbooks/recover.yml finishes or undoes what an interrupted run left)"
        for option in given
    ]


def lost_words(options: Iterable[str]) -> list[str]:
    """Return what is wrong with ``-e name=some words``, of which Ansible keeps the first word and no other.

    Args:
        options: the values of ``-e`` as they were given.
    """
    found = []
    for option in options:
        if not option or option[0] in "@[{/.":
            continue
        words = parse_kv(option)
        if _UNREAD not in words:
            continue
        name, _, value = option.partition("=")
        names = [one for one in words if one != _UNREAD]
        paste = (
            shlex.quote(json.dumps({name: value}))
            if names == [name]
            else "'{\"" + (names[0] if names else "reingest_why") + '": "..."}\''
        )
        told = without_passwords(f"-e {option}: the words {words[_UNREAD]} belong to no variable")
        found.append(printable(f"{told}, and Ansible drops them: write -e {without_passwords(paste)}"))
    return found


@cache
def read_names() -> frozenset[str]:
    """Return the names of all variables of an inventory, or of ``-e``, that a playbook or a role reads."""
    paths = (path for pattern in _READERS for path in _ROOT.glob(pattern))
    return frozenset(name for path in paths for name in _NAME.findall(path.read_text(encoding="utf-8")))


def unread(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Return a sentence for each of these names that begins as ours do and that nobody reads."""
    found = []
    for name in sorted(names):
        if not str(name).startswith(PREFIX) or name in known:
            continue
        near = difflib.get_close_matches(name, sorted(known), n=1)
        hint = f"did you mean {near[0]}?" if near else "docs/inventory.md has all of them"
        found.append(f"{printable(name)} is no variable that a playbook reads; {hint}")
    return found
