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
  volume:
    description: The volume's path.
    type: path
    required: true
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
  run:
    description: The run's id; it must have claimed the volume.
    type: str
    required: true
  operator:
    description: ORCID iD of who runs it, for the ledger.
    type: str
    required: true
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: pin
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ["reingest"]
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

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.retention.pin import apply_pin, plan_pin
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.volume.layout import open_volume
from ..module_utils.reingest.volume.lock import check_run, verb

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "snapshot": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["pinned", "unpinned"], "default": "pinned"},
    "why": {"type": "str", "default": ""},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "stage": {"type": "str", "default": "pin"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    clock = StepClock(params["stage"])
    who = {"run": params["run"], "operator": params["operator"]}
    try:
        volume = open_volume(Path(params["volume"]))
        check_run(volume, params["run"], dry=module.check_mode)
        with nullcontext() if module.check_mode else verb(volume, params["run"], phase="pins"):
            plan = plan_pin(volume, params["snapshot"], pinned=params["state"] == "pinned")
            if plan.changed and not module.check_mode:
                apply_pin(volume, plan, **who, why=params["why"])
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    module.exit_json(
        changed=plan.changed,
        snapshot=plan.snapshot,
        pinned=plan.pinned,
        diff=plan.diff(),
        step=clock.step(plan.did(), changed=plan.changed),
    )


if __name__ == "__main__":
    main()
