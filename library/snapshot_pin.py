#!/usr/bin/python
"""Ansible module: pin a snapshot, so that no rule deletes it, or let it go again."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_pin
short_description: Pin a snapshot, so that no rule deletes it, or let it go again
description:
  - A pinned snapshot is not pruned, whatever its age, and does not count among those that are kept.
  - Refuses an id that the ledger does not know, and a snapshot that was pruned.
options:
  snapshot:
    description: The snapshot, in C(staging/) or the finished load in C(ingest/).
    type: str
    required: true
  state:
    description: Whether it is pinned.
    type: str
    choices: [pinned, unpinned]
    default: pinned
  why:
    description: Why, for the ledger.
    type: str
    default: ""
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Keep the snapshot that a paper cites
  dataportal.reingest.snapshot_pin:
    volume: /srv/pg
    snapshot: 20261123T114500Z
    why: cited
    run: 20261201T080000Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
snapshot:
  description: The snapshot.
  returned: success
  type: str
pinned:
  description: Whether it is pinned afterwards.
  returned: success
  type: bool
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from typing import Any

from ..module_utils.reingest.retention.pin import apply_pin, plan_pin
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "snapshot": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["pinned", "unpinned"], "default": "pinned"},
    "why": {"type": "str", "default": ""},
}


def pin(call: Call) -> Outcome:
    """Pin the snapshot, or unpin it."""
    plan = plan_pin(call.volume, call["snapshot"], pinned=call["state"] == "pinned")
    if plan.changed and not call.check:
        apply_pin(call.volume, plan, **call.who, why=call["why"])
    values = {"snapshot": plan.snapshot, "pinned": plan.pinned}
    return Outcome(plan.changed, plan.did(), values, plan.diff())


def main() -> None:
    """Run the module."""
    run_module(Verb(pin, stage="pin", lock="pins"), OPTIONS)


if __name__ == "__main__":
    main()
