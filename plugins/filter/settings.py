"""Jinja filters for what depends on an ``ansible.cfg``, or on there being none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.loader import callback_loader, connection_loader

from ..module_utils.reingest.disclosure.printable import printable

_VARIABLES = ("host_vars", "group_vars", "vars_plugins")  # folders of an inventory that hold no hosts


def reingest_ssh_option(variables: Mapping[str, Any], option: str, unsaid: Any) -> Any:
    """Return an option of ssh as inventory, command line, environment or ``ansible.cfg`` say it.

    Args:
        variables: a host's own variables, ``hostvars[inventory_hostname]``.
        option: the name that ``ansible-doc -t connection ssh`` gives it.
        unsaid: what holds where nobody says anything; Ansible's own default does not count.
    """
    connection_loader.get("ssh", class_only=True)  # the options of a plugin are known once it was loaded
    value, origin = constants.config.get_config_value_and_origin(
        option, plugin_type="connection", plugin_name="ssh", variables=variables
    )
    return unsaid if origin == "default" else value


def reingest_printed(lines: Sequence[str]) -> list[str] | str:
    """Return lines as a task's ``msg``, so that they are printed as lines.

    Ansible prints results as JSON unless it is asked for another format, and a text with line ends as one
    long line.
    """
    callback_loader.get("default", class_only=True)
    result_format = constants.config.get_config_value(
        "result_format", plugin_type="callback", plugin_name="default"
    )
    shown = [printable(line) for line in lines]
    return shown if result_format == "json" else "\n".join(shown)


def inventory_files(sources: Iterable[str]) -> list[str]:
    """Return the sources that Ansible would pass over with a warning if it could not read them.

    A folder stands for what is in it; a list of hosts with commas is no file.
    """
    found: list[str] = []
    for source in sources:
        if "," in source:
            continue
        path = Path(source)
        found += sorted(map(str, _inside(path))) if path.is_dir() else [source]
    return found


def _inside(folder: Path) -> Iterable[Path]:
    endings = tuple(constants.INVENTORY_IGNORE_EXTS)
    patterns = constants.INVENTORY_IGNORE_PATTERNS
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in _VARIABLES or path.name.endswith(endings):
            continue
        if any(re.search(pattern, path.name) for pattern in patterns):
            continue
        if path.is_dir():
            yield from _inside(path)
        else:
            yield path


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "printed": reingest_printed,
            "ssh_option": reingest_ssh_option,
        }
