#!/usr/bin/python
"""Ansible module: delete the snapshots that retention permits deleting."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_prune
short_description: Delete the snapshots that retention permits deleting
description:
  - Never deletes the live snapshot, the one that a rollback would go to, a pinned one, one that is in use,
    one that a promotion under way names, one that the ledger does not know, or anything outside C(staging/).
  - Judges by the order of the ledger's lines; times count only for ages.
  - Each snapshot leaves C(staging/) by one rename before its files are deleted; a deletion that was
    interrupted is finished by the next. Links are not followed, and other mounts are not entered.
  - With O(purpose=load) it makes room for a load, only where that has not the room that it is predicted to
    need, and only as far as is needed; it refuses, and deletes nothing, where even that would not be enough.
options:
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
    description: Where less than this would be free, more snapshots are deleted than O(keep) permits, what
      failed first, then the oldest, as far as is needed; not the rollback target, and not those that
      O(keep_days) covers.
    type: str
    default: "0"
  digest:
    description: With O(purpose=load), the digest of a load that is to be promoted. It is refused where a
      rollback left a load of that digest for being bad. Empty, nothing is refused.
    type: str
    default: ""
  accept:
    description: Findings accepted by name. V(rows:<snapshot>) accepts losing the rows of users that only that
      snapshot holds; until then it is kept. V(copies:<run>) accepts losing those that only the copy of a run
      has, C(.reingest/runs/<run>/carried/); until then it is kept, too.
    type: list
    elements: str
    default: []
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
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

from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.common.text.formatters import human_to_bytes

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.fs.removal import Removal
from ..module_utils.reingest.fs.sizes import free_bytes
from ..module_utils.reingest.retention.prune import Pruning, apply_pruning, plan_pruning
from ..module_utils.reingest.retention.space import plan_room
from ..module_utils.reingest.volume.bad import refuse_rolled_back
from ..module_utils.reingest.volume.chain import refuse_broken
from ..module_utils.reingest.volume.ledger import read_ledger
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "purpose": {"type": "str", "choices": ["retention", "load"], "default": "retention"},
    "keep": {"type": "int", "default": 2},
    "keep_days": {"type": "int", "default": 0},
    "min_free": {"type": "str", "default": "0"},
    "digest": {"type": "str", "default": ""},
    "accept": {"type": "list", "elements": "str", "default": []},
}
_ROWS, _COPIES = "rows:", "copies:"
_PHASES = {"retention": "prunes", "load": "makes room for the load"}


def plan(call: Call) -> Pruning:
    """Return what is to go.

    Raises:
        Refusal: ``min_free`` is no size, there is no room for the load, or it is known to be bad.
    """
    try:
        least = int(human_to_bytes(call["min_free"]))
    except ValueError as error:
        raise Refusal(f"min_free: {error}") from None
    rules = {
        "keep": call["keep"],
        "keep_days": call["keep_days"],
        "min_free": least,
        "free": free_bytes(call.volume.root),
        "now": datetime.now(timezone.utc),
        "exclusive": call["exclusive"],
        "lost": _accepted(call, _ROWS),
    }
    if call["purpose"] == "load":
        refuse_rolled_back(read_ledger(call.volume), call["digest"])
        return plan_room(call.volume, **rules)
    return plan_pruning(call.volume, **rules, promoting=call.predicted.live)


def _accepted(call: Call, what: str) -> list[str]:
    return [name[len(what) :] for name in call["accept"] if name.startswith(what)]


def prune(call: Call) -> Outcome:
    """Delete what retention permits deleting."""
    from ..module_utils.reingest.carry.copies import lost_copies, tidy_copies

    planned, lost = plan(call), _accepted(call, _COPIES)
    copies = [f"delete {path}, the only place of rows of users" for path in lost_copies(call.volume, lost)]
    done = Removal()
    if planned.changed and not call.check:
        done = apply_pruning(call.volume, planned, **call.who, exclusive=call["exclusive"])
    if not call.check:
        for fault in tidy_copies(call.volume, lost):
            done.fault(fault)
    # What could not be deleted before, and still cannot, is no change.
    changed = planned.changed if call.check else bool(planned.delete or planned.unsettled or done.deleted)
    return Outcome(
        changed or bool(copies),
        [*planned.did(), *copies],
        values={
            "deleted": [*planned.leftovers, *planned.delete],
            "kept": list(planned.keep),
            "why": dict(planned.why),
            "undeleted": done.faults,
        },
        diff=planned.diff(),
        detail={"undeleted": done.faults} if done.faults else {},
        warnings=done.faults,
    )


def in_order(call: Call) -> None:
    """Refuse to delete by a ledger that was changed."""
    refuse_broken(call.volume)


def main() -> None:
    """Run the module."""
    run_module(
        Verb(prune, stage="prune", lock=lambda call: _PHASES[call["purpose"]], before=in_order), OPTIONS
    )


if __name__ == "__main__":
    main()
