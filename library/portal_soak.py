#!/usr/bin/python
"""Ansible module: watch the portal for a while after a switch, and note in the ledger how that ended."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: portal_soak
short_description: Watch the portal for a while after a switch
description:
  - O(state=begun), on the host of the volume, writes into the ledger that the live snapshot is being watched.
    While no later line says how that ended, it reads I(soak not finished).
  - O(state=watched) asks the portal every half second, as the prober of M(dataportal.reingest.outage_watch)
    does. It does not fail where the portal is worse than the limits, it tells (RV(worse)).
  - O(state=ended), on the host of the volume, writes into the ledger how it ended.
options:
  state:
    description: What to do.
    type: str
    choices: [begun, watched, ended]
    required: true
  url:
    description: "O(state=watched): the portal's address, which answers 200 when it is well."
    type: str
    default: ""
  seconds:
    description: How long it is watched.
    type: float
    default: 0
  warm:
    description: For how many seconds of these latency does not count, because caches are cold.
    type: float
    default: 30
  errors:
    description: How many requests may fail.
    type: int
    default: 0
  latency:
    description: Seconds in which 19 of 20 answers must be there. 0 is that it does not matter.
    type: float
    default: 0
  timeout:
    description: Seconds, from the look-up of the name to the last byte, after which a request has failed.
    type: float
    default: 10
  why:
    description: "O(state=ended): what was seen, for the ledger."
    type: str
    default: ""
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description: No address is asked, nothing is written.
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Watch the portal for two minutes
  dataportal.reingest.portal_soak:
    state: watched
    url: https://portal.example/health
    seconds: 120
    run: 20261201T080000Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
worse:
  description: Why the portal is not good enough; empty when it is, and where it was not watched.
  returned: success
  type: str
seen:
  description: What was seen, as a sentence; empty where it was not watched.
  returned: success
  type: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from typing import Any

from ..module_utils.reingest.disclosure.printable import printable
from ..module_utils.reingest.errors import Refusal
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["begun", "watched", "ended"], "required": True},
    "url": {"type": "str", "default": ""},
    "seconds": {"type": "float", "default": 0},
    "warm": {"type": "float", "default": 30},
    "errors": {"type": "int", "default": 0},
    "latency": {"type": "float", "default": 0},
    "timeout": {"type": "float", "default": 10},
    "why": {"type": "str", "default": ""},
}
NOT_FINISHED = "soak not finished"
_LONGEST = 500  # of what another host saw, in the ledger


def watch(call: Call) -> Outcome:
    """Watch the portal, or note in the ledger that it is watched, or was."""
    if call["state"] == "watched":
        return _watched(call)
    why = NOT_FINISHED if call["state"] == "begun" else printable(call["why"])[:_LONGEST]
    if not call.check:
        from ..module_utils.reingest.volume import ledger
        from ..module_utils.reingest.volume.layout import live_snapshot

        ledger.append(call.volume, ledger.SOAK, live_snapshot(call.volume), **call.who, why=why)
    return Outcome(values={"worse": "", "seen": ""})


def _watched(call: Call) -> Outcome:
    if not call["url"]:
        raise Refusal("the task has no address to watch: set reingest_portal_url, or leave out reingest_soak")
    if call.check:
        return Outcome(did=[f"watch the portal for {call['seconds']:g} s"], values={"worse": "", "seen": ""})
    from ..module_utils.reingest.outage.soak import Limits, soak

    limits = Limits(call["errors"], call["latency"], call["warm"], call["timeout"])
    seen = soak(call["url"], call["seconds"], limits)
    did = [f"watch the portal: {seen.told()}"]
    return Outcome(did=did, values={"worse": seen.worse(limits), "seen": seen.told()})


def main() -> None:
    """Run the module."""
    run_module(
        Verb(watch, stage="soak", lock=lambda call: "" if call["state"] == "watched" else "notes the soak"),
        OPTIONS,
    )


if __name__ == "__main__":
    main()
