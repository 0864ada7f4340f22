#!/usr/bin/python
"""Ansible module: start over where the machine went down under a load without fsync."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: staging_discard
short_description: Replace a load that the machine's end left incomplete by an empty directory
description:
  - A load runs without fsync. When the machine goes down before the load was finalised, what is in
    C(ingest/) may be anything, whatever its control file says.
  - The module deletes it, and makes an empty C(ingest/) of the same owner and mode, on which the staging
    server makes a new cluster.
  - Does nothing where the machine did not go down, or where all that was loaded had been synced.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  run:
    description: The run's id; another run's claim of the volume is respected.
    type: str
    required: true
  exclusive:
    description: C(ingest/) is declared to be nobody else's, where that cannot be seen (a network volume, an
      account that may not look at all processes).
    type: bool
    default: false
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: load
attributes:
  check_mode:
    support: full
    description: A stop of the server that comes before this step is taken as done.
  diff_mode:
    support: full
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Start over where the machine went down under a load
  dataportal.reingest.staging_discard:
    volume: /srv/pg
    run: 20261123T114500Z-4711
"""

RETURN = r"""
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.staging.discard import apply_discard, plan_discard
from ..module_utils.reingest.volume.layout import open_volume
from ..module_utils.reingest.volume.lock import check_run, verb

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "exclusive": {"type": "bool", "default": False},
    "stage": {"type": "str", "default": "load"},
}


def discard(params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Plan it and, outside check mode, carry it out; return the module's result."""
    volume = open_volume(Path(params["volume"]))
    check_run(volume, params["run"], dry=check)
    plan = plan_discard(volume, dry=check, exclusive=params["exclusive"])
    if plan.changed and not check:
        with verb(volume, params["run"], phase="starts over"):
            plan = plan_discard(volume, exclusive=params["exclusive"])
            if plan.changed:
                apply_discard(volume)
    return {
        "changed": plan.changed,
        "diff": plan.diff(),
        "step": clock.step(plan.did(), changed=plan.changed),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    try:
        result = discard(module.params, clock, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
