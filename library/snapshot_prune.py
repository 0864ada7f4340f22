#!/usr/bin/python
"""Ansible module: delete the snapshots that the retention rules let go."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_prune
short_description: Delete the snapshots that the retention rules let go
description:
  - Never deletes the live snapshot, the one that a rollback would go to, one that is in use, or
    anything outside C(staging/).
  - Each snapshot leaves C(staging/) by one rename before its files are deleted; a deletion that was
    interrupted is finished by the next.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  keep:
    description: How many earlier snapshots stay beside the live one; at least 1.
    type: int
    default: 2
  keep_days:
    description: Snapshots younger than this stay, whatever their number.
    type: int
    default: 0
  min_free:
    description: Where less than this is free, only the live snapshot and the way back stay (and those that
      O(keep_days) covers).
    type: str
    default: "0"
  exclusive:
    description: The snapshots are declared to be nobody else's, where that cannot be seen (a network volume,
      an account that may not look at all processes); else they are not deleted there.
    type: bool
    default: false
  promoting:
    description: "Check mode: the snapshot that this run makes the live one."
    type: str
    default: ""
  run:
    description: The run's id; another run's claim of the volume is respected.
    type: str
    required: true
  operator:
    description: ORCID iD of who runs it, for the ledger.
    type: str
    required: true
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: prune
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Keep the live snapshot and the two before it
  snapshot_prune:
    volume: /srv/pg
    keep: 2
    min_free: 200G
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
deleted:
  description: The snapshots that were deleted, oldest first.
  returned: success
  type: list
  elements: str
kept:
  description: The snapshots that stay, oldest first.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible.module_utils.reingest.errors import Refusal
from ansible.module_utils.reingest.step import StepClock
from ansible.module_utils.reingest.volume.layout import open_volume
from ansible.module_utils.reingest.volume.lock import check_run, verb
from ansible.module_utils.reingest.volume.prune import apply_pruning, free_bytes, plan_pruning

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "keep": {"type": "int", "default": 2},
    "keep_days": {"type": "int", "default": 0},
    "min_free": {"type": "str", "default": "0"},
    "exclusive": {"type": "bool", "default": False},
    "promoting": {"type": "str", "default": ""},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "stage": {"type": "str", "default": "prune"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    clock = StepClock(params["stage"])
    try:
        min_free = int(human_to_bytes(params["min_free"]))
    except ValueError as error:
        module.fail_json(msg=f"min_free: {error}", step=clock.step([], changed=False))
    try:
        volume = open_volume(Path(params["volume"]))
        check_run(volume, params["run"], dry=module.check_mode)
        with nullcontext() if module.check_mode else verb(volume, params["run"], phase="prunes"):
            plan = plan_pruning(
                volume,
                keep=params["keep"],
                keep_days=params["keep_days"],
                min_free=min_free,
                free=free_bytes(volume.root),
                now=datetime.now(timezone.utc),
                promoting=params["promoting"] if module.check_mode else "",
                exclusive=params["exclusive"],
            )
            if plan.changed and not module.check_mode:
                apply_pruning(
                    volume,
                    plan,
                    run=params["run"],
                    operator=params["operator"],
                    exclusive=params["exclusive"],
                )
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    module.exit_json(
        changed=plan.changed,
        deleted=[*plan.leftovers, *plan.delete],
        kept=list(plan.keep),
        diff=plan.diff(),
        step=clock.step(plan.did(), changed=plan.changed),
    )


if __name__ == "__main__":
    main()
