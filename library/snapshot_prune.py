#!/usr/bin/python
"""Ansible module: delete the snapshots that the retention rules let go."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_prune
short_description: Delete the snapshots that the retention rules let go
description:
  - Never deletes the live snapshot, the one that a rollback would go to, a pinned one, one that is in use,
    one that a promotion under way names, one that the ledger does not know, or anything outside C(staging/).
  - Judges by the order of the ledger's lines; times count only for ages.
  - Each snapshot leaves C(staging/) by one rename before its files are deleted; a deletion that was
    interrupted is finished by the next. Links are not followed, and other mounts are not entered.
  - With O(purpose=load) it makes room for a load, only where that has not the room that it is predicted to
    need, and only as far as is needed; it refuses, and deletes nothing, where even that would not be enough.
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
  purpose:
    description: Whether the retention rules are carried out, or room is made for the load that comes next.
    type: str
    choices: [retention, load]
    default: retention
  min_free:
    description: Where less than this would be free, more give way than O(keep) lets go, what failed first,
      then the oldest, as far as is needed; not the way back, and not those that O(keep_days) covers.
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
  dataportal.reingest.snapshot_prune:
    volume: /srv/pg
    keep: 2
    min_free: 200G
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097

- name: Make room for a load
  dataportal.reingest.snapshot_prune:
    purpose: load
    volume: /srv/pg
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
why:
  description: Of each snapshot why it stays, or why it goes.
  returned: success
  type: dict
undeleted:
  description: What could not be deleted, each with its path and the reason; the next run tries again.
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

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.fs.removal import Removal
from ..module_utils.reingest.retention.prune import Pruning, apply_pruning, free_bytes, plan_pruning
from ..module_utils.reingest.retention.space import plan_room
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.volume.layout import Volume, open_volume
from ..module_utils.reingest.volume.lock import check_run, verb

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "purpose": {"type": "str", "choices": ["retention", "load"], "default": "retention"},
    "keep": {"type": "int", "default": 2},
    "keep_days": {"type": "int", "default": 0},
    "min_free": {"type": "str", "default": "0"},
    "exclusive": {"type": "bool", "default": False},
    "promoting": {"type": "str", "default": ""},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "stage": {"type": "str", "default": "prune"},
}
_PHASES = {"retention": "prunes", "load": "makes room for the load"}


def plan(volume: Volume, params: dict[str, Any], *, check: bool) -> Pruning:
    """Return what is to go."""
    rules = {
        "keep": params["keep"],
        "keep_days": params["keep_days"],
        "min_free": int(human_to_bytes(params["min_free"])),
        "free": free_bytes(volume.root),
        "now": datetime.now(timezone.utc),
        "exclusive": params["exclusive"],
    }
    if params["purpose"] == "load":
        return plan_room(volume, **rules)
    return plan_pruning(volume, **rules, promoting=params["promoting"] if check else "")


def prune(params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Plan it and, outside check mode, carry it out; return the module's result."""
    volume = open_volume(Path(params["volume"]))
    check_run(volume, params["run"], dry=check)
    done = Removal()
    with nullcontext() if check else verb(volume, params["run"], phase=_PHASES[params["purpose"]]):
        planned = plan(volume, params, check=check)
        if planned.changed and not check:
            who = {"run": params["run"], "operator": params["operator"]}
            done = apply_pruning(volume, planned, **who, exclusive=params["exclusive"])
    # What could not be deleted before, and still cannot, is no change.
    changed = planned.changed if check else bool(planned.delete or planned.unsettled or done.deleted)
    detail = {"undeleted": done.faults} if done.faults else {}
    return {
        "changed": changed,
        "deleted": [*planned.leftovers, *planned.delete],
        "kept": list(planned.keep),
        "why": dict(planned.why),
        "undeleted": done.faults,
        "diff": planned.diff(),
        "step": clock.step(planned.did(), changed=changed, detail=detail),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    try:
        human_to_bytes(module.params["min_free"])
    except ValueError as error:
        module.fail_json(msg=f"min_free: {error}", step=clock.step([], changed=False))
    try:
        result = prune(module.params, clock, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    for fault in result["undeleted"]:
        module.warn(fault)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
