#!/usr/bin/python
"""Ansible module: make a snapshot the live one, or take this run's promotion back."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_promote
short_description: Make a data directory the live one, atomically and durably; recover what was cut short
description:
  - Moves the finished load in C(ingest/) to C(staging/<id>), puts a fresh empty C(ingest/) in its place and
    points the relative link C(prod) at it by one rename. That rename is the commit point.
  - Promotes a snapshot that lies in C(staging/) already in the same way; that is what a rollback is.
  - With O(state=recovered) it ends what a run that died has begun. Before the rename of C(prod) it goes back,
    after it forward; with O(failed) it takes the run's promotion back also then, and removes C(prod) where
    nothing was live before. What was done is told by the inodes and system identifiers of the directories.
  - A promotion first recovers what was cut short.
  - Nobody may be in the directory that comes or in the one that goes; that is looked at before the move, and
    again between the move and the rename of C(prod).
  - Run it on the host of the volume, with the servers stopped.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  state:
    description: Whether the snapshot becomes the live one, or what was cut short is ended.
    type: str
    choices: [promoted, recovered]
    default: promoted
  snapshot:
    description:
      - The snapshot to promote.
      - "When empty: the load in C(ingest/), or, with O(kind=rollback), the last snapshot that served before
        the live one and was good."
    type: str
    default: ""
  loaded:
    description: The load that this run made or found in the staging server; C(ingest/) must hold that one.
    type: str
    default: ""
  release:
    description: The release of that load; in check mode the ledger does not have it yet.
    type: str
    default: ""
  kind:
    description: What the promotion is, for the ledger. The snapshot that a rollback leaves is marked as
      failed.
    type: str
    choices: [ingest, promote, rollback]
    default: promote
  why:
    description: Why the snapshot that a rollback leaves is bad, for the ledger.
    type: str
    default: ""
  failed:
    description: "O(state=recovered): why the promotion of the run is taken back, also after the rename of
      C(prod). Empty: it is not."
    type: str
    default: ""
  of_run:
    description: "O(state=recovered): the run whose promotion failed; empty: O(run)."
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
  copies:
    description: "Check mode: a copy of a load that cannot be renamed comes before, and is taken as done;
      M(dataportal.reingest.snapshot_copy)."
    type: bool
    default: false
  exclusive:
    description:
      - The directories that come and go are declared to be nobody else's, where that cannot be seen (a
        network volume, an account that may not look at all processes).
      - Who is seen in one (a process, or a container that has it as its data directory) is refused all the
        same.
    type: bool
    default: false
  window:
    description: "Inside a switch: the folder of this host's open window (module C(switch_window)). It is held
      while this works; when it is not open for O(run) any more, nothing is done."
    type: path
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: switch
attributes:
  check_mode:
    support: full
    description: The load and the stop of the servers, which come earlier in a run, are taken as done.
  diff_mode:
    support: full
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Promote the load
  dataportal.reingest.snapshot_promote:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097

- name: Go back to the snapshot that served before
  dataportal.reingest.snapshot_promote:
    volume: /srv/pg
    kind: rollback
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
snapshot:
  description: The snapshot that was promoted, or whose promotion was ended one way or the other.
  returned: success
  type: str
release:
  description: The snapshot's release, as its load wrote it down; empty when the ledger does not know it.
  returned: success
  type: str
live:
  description: The snapshot that is live afterwards; empty when there is none.
  returned: success
  type: str
previous:
  description: The snapshot that was live before; empty when there was none.
  returned: success
  type: str
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
from ..module_utils.reingest.promotion.promote import apply_promotion, plan_promotion, previous_snapshot
from ..module_utils.reingest.promotion.recovery import apply_recovery, plan_recovery
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.volume.layout import Volume, open_volume
from ..module_utils.reingest.volume.ledger import read_ledger, survey_ledger
from ..module_utils.reingest.volume.lock import check_run, verb
from ..module_utils.reingest.window.lease import working

_PATIENCE_S = 60.0  # for the same verb, started twice

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["promoted", "recovered"], "default": "promoted"},
    "snapshot": {"type": "str", "default": ""},
    "loaded": {"type": "str", "default": ""},
    "release": {"type": "str", "default": ""},
    "kind": {"type": "str", "choices": ["ingest", "promote", "rollback"], "default": "promote"},
    "why": {"type": "str", "default": ""},
    "failed": {"type": "str", "default": ""},
    "of_run": {"type": "str", "default": ""},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "copies": {"type": "bool", "default": False},
    "exclusive": {"type": "bool", "default": False},
    "window": {"type": "path"},
    "stage": {"type": "str", "default": "switch"},
}


def promote(volume: Volume, params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Plan the promotion and, outside check mode, apply it; return the module's result."""
    who = {"run": params["run"], "operator": params["operator"]}
    if not check:
        apply_recovery(volume, plan_recovery(volume), **who)
    wanted = params["snapshot"]
    if params["kind"] == "rollback" and not wanted:
        wanted = previous_snapshot(volume, run=params["run"])
    exclusive = params["exclusive"]
    plan = plan_promotion(
        volume,
        wanted,
        loaded=params["loaded"],
        dry=check,
        run=params["run"],
        exclusive=exclusive,
        copies=params["copies"],
    )
    if plan.changed and not check:
        apply_promotion(volume, plan, kind=params["kind"], why=params["why"], exclusive=exclusive, **who)
    return {
        "changed": plan.changed,
        "snapshot": plan.snapshot,
        "release": read_ledger(volume).release(plan.snapshot) or params["release"],
        "live": plan.snapshot,
        "previous": plan.previous,
        "diff": plan.diff(),
        "step": clock.step(plan.did(), changed=plan.changed),
    }


def recover(volume: Volume, params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Plan the recovery and, outside check mode, apply it; return the module's result."""
    of_run = params["of_run"] or params["run"]
    plan = plan_recovery(volume, failed=params["failed"], run=of_run, dry=check)
    if plan.changed and not check:
        apply_recovery(volume, plan, run=params["run"], operator=params["operator"])
    begun = plan.failed or plan.intent
    return {
        "changed": plan.changed,
        "snapshot": begun.snapshot if begun is not None else "",
        "release": survey_ledger(volume)[0].release(plan.live),
        "live": plan.live,
        "previous": plan.before,
        "diff": plan.diff(),
        "step": clock.step(plan.did(), changed=plan.changed),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    act = promote if module.params["state"] == "promoted" else recover
    try:
        volume = open_volume(Path(module.params["volume"]))
        check_run(volume, module.params["run"], dry=module.check_mode)
        run = module.params["run"]
        inside = module.params["window"] and not module.check_mode
        window = Path(module.params["window"]) if inside else None
        doing = "promotes" if act is promote else "recovers"
        # Planned within the verb's lock: a verb that is started twice finds its work done.
        one_at_a_time = nullcontext() if module.check_mode else verb(volume, run, phase=doing)
        with working(window, run, patience=_PATIENCE_S), one_at_a_time:
            result = act(volume, module.params, clock, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
