#!/usr/bin/python
"""Ansible module: predict how long a switch takes the portal away, and begin to measure it from outside."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: outage_watch
short_description: Predict the outage of a switch, and begin to measure it from outside
description:
  - Run it just before the window is opened.
  - On the host of the volume (with O(production_dsn)) it predicts the outage from the earlier switches that
    the ledger has, from users' rows, and from a checkpoint of production. Both servers make a first one, so
    that their stop has little to write, and production a second one, which tells how long the one of its
    stop will take. No later step of a switch makes one.
    A switch that does not fit O(budget) is refused, unless O(accept) has V(outage).
  - On the host that looks (with O(portal_url)) it starts a prober, which asks that address, one request at a
    time, until M(dataportal.reingest.run_report) ends it. Where the run dies, it ends by itself O(linger)
    seconds after the process of ansible-playbook is gone, where that is on the same machine; elsewhere
    O(longest) and O(linger) seconds after it began.
  - A good answer is 200 within O(timeout), with O(portal_release_key) in its JSON where that is declared; a
    redirect is followed on the same host and port, and from http to https there. An address that gives no
    good answer now (a bad certificate, a name that is not found, no route) is not measured; that is a
    warning, and the run continues.
  - A measurement is bookkeeping of the run, not a change of the system, so it is never C(changed).
options:
  production_dsn:
    description: Production, as this host reaches it; empty on a host without the volume.
    type: str
    default: ""
  staging_dsn:
    description: The staging server, as this host reaches it; empty where the switch does not stop it.
    type: str
    default: ""
  rows:
    description: Whether users' rows are carried.
    type: bool
    default: true
  budget:
    description: How many seconds users may be without the portal; 0 is any number.
    type: float
    default: 0
  accept:
    description: Names of what an operator accepts; V(outage) is a switch that does not fit its budget.
    type: list
    elements: str
    default: []
  portal_url:
    description: Where users go; empty on a host that does not look.
    type: str
    default: ""
  portal_release_key:
    description: Which key of its JSON answer names the release; empty is none.
    type: str
    default: ""
  interval:
    description: Seconds from the beginning of a request to the next one's.
    type: float
    default: 0.1
  timeout:
    description: Seconds in which an answer is good.
    type: float
    default: 2
  linger:
    description: For how many seconds the prober goes on when its run is gone.
    type: float
    default: 60
  longest:
    description: The longest that a window may take, in seconds.
    type: float
    default: 900
  controller:
    description: The controller's machine, as the action plugin of this name sets it.
    type: str
    default: ""
  process:
    description: The process of ansible-playbook there.
    type: int
    default: 0
  process_started:
    description: When that process was started, as its kernel tells it.
    type: str
    default: ""
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description: No checkpoint is made and no prober started; what is predicted is in the report.
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Predict the outage, and begin to measure it
  dataportal.reingest.outage_watch:
    volume: /srv/pg
    work: /var/lib/reingest
    run: 20261123T114500Z-4711
    production_dsn: postgresql://postgres@127.0.0.1/portal
    portal_url: https://portal.example.org/health
    portal_release_key: release
    budget: 5
"""

RETURN = r"""
measured:
  description: Whether a prober looks from this host.
  returned: success
  type: bool
predicted:
  description: Seconds of the outage by part; empty on a host that predicts nothing.
  returned: success
  type: dict
deadline:
  description: C(budget) and C(parts) for whoever does the window's steps; a budget of 0 is no deadline.
  returned: success
  type: dict
  contains:
    budget: {description: Seconds., type: float}
    parts: {description: Predicted seconds by part., type: dict}
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from typing import Any

from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "production_dsn": {"type": "str", "default": "", "no_log": True},
    "staging_dsn": {"type": "str", "default": "", "no_log": True},
    "rows": {"type": "bool", "default": True},
    "budget": {"type": "float", "default": 0},
    "accept": {"type": "list", "elements": "str", "default": []},
    "portal_url": {"type": "str", "default": ""},
    "portal_release_key": {"type": "str", "default": "", "no_log": False},
    "interval": {"type": "float", "default": 0.1},
    "timeout": {"type": "float", "default": 2},
    "linger": {"type": "float", "default": 60},
    "longest": {"type": "float", "default": 900},
    "controller": {"type": "str", "default": ""},
    "process": {"type": "int", "default": 0},
    "process_started": {"type": "str", "default": ""},
}


def watch(call: Call) -> Outcome:
    """Predict, refuse what does not fit the budget, then begin to measure."""
    detail: dict[str, Any] = {}
    warnings: list[str] = []
    deadline: dict[str, Any] = {"budget": 0.0, "parts": {}}
    if call["production_dsn"] and call["volume"]:
        from ..module_utils.reingest.outage.forecast import OUTAGE, forecast, refuse_over
        from ..module_utils.reingest.outage.line import past_switches
        from ..module_utils.reingest.outage.servers import look
        from ..module_utils.reingest.volume.ledger import readable_ledger

        now, told = look(call["production_dsn"], call["staging_dsn"], rows=call["rows"], dry=call.check)
        found = forecast(past_switches(readable_ledger(call.volume)), now)
        detail = {"predicted": found.as_values(), "budget": call["budget"]}
        accepted = refuse_over(found, call["budget"], call["accept"])
        warnings += [one for one in (told, accepted) if one]
        free = OUTAGE in call["accept"]
        deadline = {"budget": 0.0 if free else call["budget"], "parts": dict(found.parts)}
    measured = False
    if call["portal_url"] and not call.check:
        why = _started(call)
        measured = not why
        detail.update({"probes": True} if measured else {"unmeasured": why})
        if why:
            warnings.append(f"the outage is not measured: {why}")
    values = {"measured": measured, "predicted": deadline["parts"], "deadline": deadline}
    return Outcome(values=values, detail=detail, warnings=warnings)


def _started(call: Call) -> str:
    """Start the prober; return why there is none, which keeps no run from switching."""
    from ..module_utils.reingest.errors import Refusal
    from ..module_utils.reingest.outage.prober import Run, start
    from ..module_utils.reingest.outage.request import Target

    if call.work is None:
        return "this host has no work folder: set reingest_work"
    run = Run(
        call.run,
        call["controller"],
        call["process"],
        call["process_started"],
        call["linger"],
        call["longest"],
    )
    target = Target(call["portal_url"], call["portal_release_key"], max(0.1, call["timeout"]))
    try:
        return start(call.work / call.run, target, max(0.001, call["interval"]), run)
    except Refusal as refusal:
        return str(refusal)


def main() -> None:
    """Run the module."""
    run_module(Verb(watch, stage="switch"), OPTIONS)


if __name__ == "__main__":
    main()
