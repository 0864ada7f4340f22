"""What the inventory declares and no host is needed to see: what is missing, and what is malformed.

A value that cannot be rendered here is left to the task that uses it: it may be meant for that host only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..module_utils.reingest.dataset.parse import parse_dataset
from ..module_utils.reingest.disclosure.seen_secrets import SHORTEST, short_secrets
from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.sources.place import refuse_missing_folder
from ..module_utils.reingest.volume.operators import authorised
from ..module_utils.reingest.volume.run_id import checked_run
from ..module_utils.reingest.volume.snapshot_id import checked

METHODS = ("dataset", "command", "http")
# What each host of a group must be given.
_EVERYWHERE = ("reingest_engine", "reingest_work")
_SERVERS = ("reingest_production_dsn", "reingest_staging_dsn")
_LOGINS = (*_SERVERS, "reingest_backend_dsn")
_UNDEFINED = " is undefined"  # as the template engine says it
_SERVICES = ("reingest_production_service", "reingest_staging_service")
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "worker": (*_EVERYWHERE, *_SERVERS),
    "db": (*_EVERYWHERE, "reingest_volume", *_SERVERS, *_SERVICES),
    "backend": (*_EVERYWHERE, "reingest_backend_services"),
}
_VERIFYING = ("ingest", "load", "promote")  # playbooks that read the dataset
_LOADING = ("ingest", "load")
_FORMS: Mapping[str, Callable[[str], str]] = {"reingest_snapshot": checked, "reingest_take_over": checked_run}

Hosts = Mapping[str, Mapping[str, Any]]


def declared_wrongly(hosts: Hosts, groups: Mapping[str, Sequence[str]], playbook: str) -> list[str]:
    """Return what is wrong with the variables of a run of this playbook, a sentence each.

    Args:
        hosts: the variables of each host, ``hostvars``.
        groups: the hosts of each group.
        playbook: the run's playbook; empty where nothing is run (``status.yml``).
    """
    if not playbook:
        return []
    ours = {group: list(groups.get(group) or ()) for group in _REQUIRED}
    found = [
        *_missing(hosts, ours, playbook),
        *_who(hosts, ours["db"]),
        *_malformed(hosts, ours["db"], playbook),
    ]
    for host in ours["worker"] if playbook in _LOADING else ():
        found += _loader(host, hosts[host])
    for host in ours["worker"] if playbook in _VERIFYING else ():
        found += _dataset(hosts[host])
    for host in dict.fromkeys((*ours["worker"], *ours["db"])) if playbook in _VERIFYING else ():
        found += _passwords(hosts[host])
    for host in ours["db"] if playbook in _VERIFYING else ():
        found += _hook(value(hosts[host], "reingest_after_promote"))
    return list(dict.fromkeys(found))


def value(variables: Mapping[str, Any], name: str, default: Any = "") -> Any:
    """Return a variable's value; the default where it is unset, or cannot be rendered here."""
    with suppress(Exception):
        return variables.get(name, default)
    return default


def _missing(hosts: Hosts, groups: Mapping[str, Sequence[str]], playbook: str) -> Iterator[str]:
    without: dict[str, list[str]] = {}
    for group, names in _REQUIRED.items():
        more = ("reingest_dataset",) if group == "worker" and playbook in _VERIFYING else ()
        for host in groups[group]:
            for name in (*names, *more):
                if name not in hosts[host] or _empty(hosts[host], name):
                    without.setdefault(name, []).append(host)
    for name, on in without.items():
        yield f"{name} is not set for {', '.join(dict.fromkeys(on))}: see docs/inventory.md, Variables"


def _empty(variables: Mapping[str, Any], name: str) -> bool:
    found = value(variables, name, "?")
    return found is None or (isinstance(found, str) and not found.strip())


def _who(hosts: Hosts, names: Sequence[str]) -> Iterator[str]:
    for host in names[:1]:
        operators = value(hosts[host], "reingest_operators", None)
        operator = value(hosts[host], "reingest_operator", "") or os.environ.get("REINGEST_OPERATOR", "")
        try:
            authorised(str(operator), [str(one) for one in operators or ()])
        except Refusal as refusal:
            yield str(refusal)
        key = str(value(hosts[host], "reingest_signing_key") or "")
        if key and not Path(key).expanduser().is_file():
            yield (
                f"reingest_signing_key names {key}, and there is no such file on the controller: correct "
                "its path"
            )


def _malformed(hosts: Hosts, names: Sequence[str], playbook: str) -> Iterator[str]:
    for host in names[:1]:
        for name, form in _FORMS.items():
            text = str(value(hosts[host], name) or "")
            try:
                if text:
                    form(text)
            except Refusal as refusal:
                yield f"{name}: {refusal}"
        if playbook == "pin" and not value(hosts[host], "reingest_snapshot"):
            yield "name the snapshot to pin: -e reingest_snapshot=<id> (status.yml lists them)"


def _loader(host: str, variables: Mapping[str, Any]) -> Iterator[str]:
    method = str(value(variables, "reingest_load_method", METHODS[0]) or METHODS[0])
    if method not in METHODS:
        yield f"reingest_load_method is {method}: it is one of {', '.join(METHODS)}"
        return
    if method == METHODS[0]:
        return
    if not value(variables, "reingest_release"):
        yield (
            "the portal's own loader does not tell what it loads: name the release, -e "
            "reingest_release=<name>"
        )
    loader = value(variables, "reingest_loader", {}) or {}
    part = "command" if method == "command" else "job"
    if not isinstance(loader, Mapping) or not loader.get(part):
        yield f"reingest_loader of {host} has no `{part}:`, which reingest_load_method: {method} needs"
        return
    token = {"REINGEST_LOADER_TOKEN": os.environ.get("REINGEST_LOADER_TOKEN", "")}
    secrets, undefined = _known(loader["command"].get("secrets") or {} if part == "command" else token)
    for name, told in undefined.items():
        yield f"the loader's secret {name} of {host}: {told}; define that variable, in a vault"
    for name in short_secrets(secrets):
        yield (
            f"of the loader's secrets {name} has fewer than {SHORTEST} characters, and would be masked "
            "wherever they stand in its log: give it a longer value"
        )


def _known(secrets: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values of secrets that can be rendered here, and which variable is missing for others."""
    known, undefined = {}, {}
    for name in secrets:
        try:
            known[name] = str(secrets[name])
        except Exception as error:  # noqa: BLE001, PERF203 - of the template engine, in any version
            if str(error).endswith(_UNDEFINED):  # whatever else is said may hold a secret
                undefined[name] = str(error)
    return known, undefined


def _passwords(variables: Mapping[str, Any]) -> Iterator[str]:
    for name in short_secrets({name: value(variables, name) or "" for name in _LOGINS}):
        yield (
            f"{name} has fewer than {SHORTEST} characters, and would be masked wherever they stand in a "
            "message: give the role a longer one"
        )


def _dataset(variables: Mapping[str, Any]) -> Iterator[str]:
    """Read the dataset here where the worker is this machine, and this account may read it."""
    named = str(value(variables, "reingest_dataset") or "")
    if str(value(variables, "ansible_connection")) != "local" or not named:
        return
    file = Path(os.path.expandvars(named)).expanduser()
    if not file.is_absolute() or (file.exists() and not os.access(file, os.R_OK)):
        return
    elsewhere = str(value(variables, "reingest_load_method", METHODS[0]) or METHODS[0]) != METHODS[0]
    sources, release = (
        str(value(variables, name) or "") for name in ("reingest_sources", "reingest_release")
    )
    try:
        dataset = parse_dataset(file, sources=sources, release=release, loaded_elsewhere=elsewhere)
        refuse_missing_folder(dataset.sources, (one for table in dataset.tables for one in table.sources))
    except Refusal as refusal:
        yield str(refusal)


def _hook(path: object) -> Iterator[str]:
    if path and not (Path(str(path)).is_absolute() and Path(str(path)).is_file()):
        yield (
            f"reingest_after_promote names {path}, and there is no such file on the controller: write it, or "
            "correct its absolute path"
        )
