"""From a call of a module to what there is on its host: services that run, and the volume."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from .pooler_call import stored_poolers
from .reingest.engines.model import service_from
from .reingest.engines.registry import engine_of
from .reingest.engines.spec import SERVICE
from .reingest.errors import Refusal
from .reingest.window.host import Host
from .runner import Call

_VERIFY = ("ingest", "load", "promote")  # the playbooks that compare a load with production
_SERVICES: dict[str, Any] = {"type": "list", "elements": "dict", "default": [], "options": SERVICE}
# Documented by the fragment `dataportal.reingest.services.switch`, and by `dataportal.reingest.look`.
LOOK: dict[str, Any] = {
    "production": _SERVICES,
    "staging": _SERVICES,
    "writers": _SERVICES,
    "look": {"type": "bool", "default": False},
}


def look(call: Call) -> tuple[dict[str, Any], str, list[str]]:
    """Return what is on the volume, what is wrong with it, and what is only told."""
    from .reingest.reporting.volume_info import describe
    from .reingest.volume.chain import goes_on
    from .reingest.volume.ledger import readable_ledger
    from .reingest.volume.profile_record import read_profiles

    there = describe(call.volume)
    releases = {one["snapshot"]: one["release"] for one in there["snapshots"]}
    found = {name: there[name] for name in ("live", "loaded", "lost")}
    found["fenced"] = any(fence["load"] for fence in there["fences"])
    found["release"] = releases.get(there["live"]) or ""
    if call["playbook"] in _VERIFY and there["live"]:
        entries = reversed(readable_ledger(call.volume).entries)
        runs = [entry.run for entry in entries if entry.snapshot == there["live"]]
        found["profiles"] = read_profiles(call.volume, there["live"], runs)
    faults, changed, told = there["faults"], there["chain"]["fault"], []
    if changed and goes_on(call["playbook"]):
        faults.remove(changed)
        told.append(changed)
    return found, "; ".join(faults), told


def host_of(call: Call) -> Host:
    """Return what the options say of this host."""
    lists: dict[str, Any] = {
        name: tuple(map(service_from, call[name])) for name in ("production", "staging", "writers")
    }
    return Host(
        records=call.records,
        engine=engine_of(call["engine"], call.records),
        volume=call.volume if call["volume"] else None,
        stop_timeout=call["stop_timeout"],
        start_timeout=call["start_timeout"],
        login=call.params.get("login", ""),
        poolers=stored_poolers(call),
        maintenance_off=tuple(call.params.get("maintenance_off") or ()),
        **lists,
    )


def running_on(host: Host) -> list[str]:
    """Return which services run; one that the engine cannot tell of is found by what looks at it next."""
    found = []
    for service in host.production + host.staging + host.writers:
        with suppress(Refusal):
            if host.engine.running(service):
                found.append(service.name)
    return found
