"""A Jinja filter: what is wrong with a run as it was asked for, before any host is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any

from ansible import constants, context
from ansible.parsing.dataloader import DataLoader
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars

from ..plugin_utils.command_line import PREFIX, lost_words, read_names, refused_options, unread
from ..plugin_utils.declared import declared_wrongly
from .settings import inventory_files

_GROUPS = ("worker", "db", "backend")


def reingest_asked(
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    sources: Sequence[str],
    playbook: str = "",
) -> list[str]:
    """Return what is wrong with the command line, the inventory and its variables; warn of what may be.

    Args:
        hostvars: all hosts' variables.
        groups: the hosts of each group.
        sources: what the inventory was read from.
        playbook: the run's playbook; empty for one that runs nothing.
    """
    arguments = context.CLIARGS
    found = [*refused_options(arguments), *lost_words(arguments.get("extra_vars") or ())]
    known = read_names()
    extra = set(load_extra_vars(DataLoader()))
    found += [f"-e {told}" for told in unread(extra, known)]
    parts = _inventory(groups, sources)
    if parts:
        return [*found, *parts]
    _warn_unread(hostvars, groups, known | extra)
    return [*found, *declared_wrongly(hostvars, groups, playbook)]


def _inventory(groups: Mapping[str, Sequence[str]], sources: Sequence[str]) -> list[str]:
    found = []
    files = inventory_files(sources)
    if len(files) > 1 and not constants.INVENTORY_ANY_UNPARSED_IS_FAILED:
        names = ", ".join(one.rpartition("/")[2] for one in files)
        found.append(
            f"the inventory is made of {len(files)} files ({names}), and Ansible passes over a file that "
            "it cannot "
            "read: the hosts in it would be left behind. Let it fail instead: set "
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true, or any_unparsed_is_failed = true in section "
            "[inventory] "
            "of ansible.cfg"
        )
    if not any(groups.get(group) for group in _GROUPS) and all(map(_is_default, sources)):
        return ["no inventory is named: name the one that the run is for, -i <inventory>, such as -i prod"]
    empty = [group for group in _GROUPS if not groups.get(group)]
    if empty:
        found.append(
            f"the inventory has no host in group {', '.join(empty)}: give each a host, see "
            "docs/inventory.md (read "
            f"was {', '.join(sources)})"
        )
    return found


def _is_default(source: str) -> bool:
    """Return whether a source is what is read where no ``-i`` says another one."""
    return source.endswith("/inventories/none.yml") or source == "/etc/ansible/hosts"


def _warn_unread(hostvars: Any, groups: Mapping[str, Sequence[str]], known: AbstractSet[str]) -> None:
    """Warn of variables of the inventory that nobody reads; people have some of their own."""
    hosts = dict.fromkeys(host for group in _GROUPS for host in groups[group])
    names = {name for host in hosts for name in hostvars[host] if str(name).startswith(PREFIX)}
    strange = names - known
    if not strange:
        return
    with suppress(Exception):  # a value that cannot be rendered is told of by the task that uses it
        texts = [str(dict(hostvars.raw_get(host))) for host in hosts]
        # One that another variable is made of is read.
        strange = {name for name in strange if not any(text.count(name) > 1 for text in texts)}
    for told in unread(strange, known):
        Display().warning(f"the inventory's {told}")


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filter by name."""
        return {"asked": reingest_asked}
