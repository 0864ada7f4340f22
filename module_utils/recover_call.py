"""From a call of a module to a host that is recovered, where a switch was cut short on it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from .reingest.engines.model import service_from
from .reingest.engines.registry import engine_of
from .reingest.engines.spec import SERVICE
from .reingest.errors import Refusal
from .reingest.window.host import Host
from .runner import Call, Outcome

_VERIFY = ("ingest", "load", "promote")  # the playbooks that compare a load with production
_SERVICES: dict[str, Any] = {"type": "list", "elements": "dict", "default": [], "options": SERVICE}
# Documented by the fragments `dataportal.reingest.services.switch` and `dataportal.reingest.recovery`.
RECOVERY: dict[str, Any] = {
    "production": _SERVICES,
    "staging": _SERVICES,
    "writers": _SERVICES,
    "login": {"type": "str", "default": "", "no_log": True},
    "start": {"type": "bool", "default": False},
    "look": {"type": "bool", "default": False},
}


def recovered(call: Call, *, failed: str = "", serves: bool | None = None) -> Outcome:
    """Recover the host, and say what runs then, and what is on its volume.

    Args:
        call: the call.
        failed: why the run takes its own switch back; empty: whatever is found is brought to its end.
        serves: on a host without the volume: whether there is a production; None: nobody could tell.
    """
    from .reingest.window.recovering import recover_window

    host = host_of(call)
    asked = {"failed": failed, "serves": serves, "start": call["start"]}
    found, outcome = recover_window(host, **call.who, **asked, dry=call.check)
    values: dict[str, Any] = {"open": False, "live": outcome.live}
    values |= {"of_run": found.of_run, "ended_by": found.ended_by, "unready": list(outcome.warnings)}
    values["running"] = _running(host)
    failure, warnings = "; ".join(outcome.faults), list(outcome.warnings)
    if call["look"] and host.volume is not None and not failure:
        from .reingest.reporting.volume_info import describe
        from .reingest.volume.chain import goes_on
        from .reingest.volume.ledger import readable_ledger
        from .reingest.volume.profile_record import read_profiles

        there = describe(host.volume)
        releases = {one["snapshot"]: one["release"] for one in there["snapshots"]}
        values["volume"] = {name: there[name] for name in ("live", "loaded", "lost")}
        values["volume"]["fenced"] = any(fence["load"] for fence in there["fences"])
        values["volume"]["release"] = releases.get(there["live"]) or ""
        if call["playbook"] in _VERIFY and there["live"]:
            entries = reversed(readable_ledger(host.volume).entries)
            runs = [entry.run for entry in entries if entry.snapshot == there["live"]]
            values["volume"]["profiles"] = read_profiles(host.volume, there["live"], runs)
        faults, changed = there["faults"], there["chain"]["fault"]
        if changed and goes_on(call["playbook"]):
            faults.remove(changed)
            warnings.append(changed)
        # A dry run that would first recover cannot tell what is wrong afterwards.
        failure = "" if call.check and outcome.did else "; ".join(faults)
    return Outcome(outcome.changed, outcome.did, values, warnings=warnings, failure=failure)


def host_of(call: Call) -> Host:
    """Return what the options say of this host."""
    lists = {name: tuple(map(service_from, call[name])) for name in ("production", "staging", "writers")}
    return Host(
        records=call.records,
        engine=engine_of(call["engine"], call.records),
        volume=call.volume if call["volume"] else None,
        stop_timeout=call["stop_timeout"],
        start_timeout=call["start_timeout"],
        login=call["login"],
        **lists,
    )


def _running(host: Host) -> list[str]:
    """Return which services run; one that the engine cannot tell of is found by what looks at it next."""
    found = []
    for service in host.production + host.staging + host.writers:
        with suppress(Refusal):
            if host.engine.running(service):
                found.append(service.name)
    return found
