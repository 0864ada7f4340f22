#!/usr/bin/python
"""Ansible module: claim the volume for a run, or give it back."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_lock
short_description: Claim the volume for a run, or give it back
description:
  - One run at a time has the volume. A second one is told who has it and since when.
  - A claim is bookkeeping of the run, not a change of the system, so C(changed) is always false.
  - "Through the action plugin of the same name, a claim that a run on the same controller left behind when
    it was killed is taken over; the claim of a run on another controller is never guessed about:
    O(take_over) names it."
  - A claim that the dead man of a run left behind on this host, when he died himself, is taken over.
  - Refuses a run whose operator is not one of the operators.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  state:
    description: Whether the run has the volume.
    type: str
    choices: [claimed, released]
    default: claimed
  run:
    description: The run's id.
    type: str
    required: true
  operator:
    description: ORCID iD of who runs it.
    type: str
    default: ""
  operators:
    description: ORCID iDs of those who may.
    type: list
    elements: str
    default: []
  take_over:
    description: Id of a dead run whose claim is replaced.
    type: str
    default: ""
  age:
    description: How many seconds old the last sign of life of a run must be for its claim to be replaced
      without being named, when none of its verbs works. V(0) is never.
    type: float
    default: 0
  phase:
    description: What the run is about to do, for whoever is told that the volume is held.
    type: str
    default: ""
  controller:
    description: The controller's host name and boot id; filled in by the action plugin.
    type: str
    default: ""
  process:
    description: Process id of C(ansible-playbook) on the controller; filled in by the action plugin.
    type: int
    default: 0
  process_started:
    description: Start time of that process in clock ticks since boot; filled in by the action plugin.
    type: str
    default: ""
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: preflight
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Claim the volume
  dataportal.reingest.run_lock:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
    operators: [0000-0002-1825-0097]
"""

RETURN = r"""
operator:
  description: The operator's ORCID iD in its short form.
  returned: when claimed
  type: str
holder:
  description: Who has the volume, when the claim was refused.
  returned: failure
  type: dict
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.volume.layout import open_volume
from ..module_utils.reingest.volume.lock import Claim, claim, holder, now_text, refuse_held, release
from ..module_utils.reingest.volume.operators import authorised
from ..module_utils.reingest.window.claim import left_behind

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["claimed", "released"], "default": "claimed"},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "default": ""},
    "operators": {"type": "list", "elements": "str", "default": []},
    "take_over": {"type": "str", "default": ""},
    "age": {"type": "float", "default": 0},
    "phase": {"type": "str", "default": ""},
    "controller": {"type": "str", "default": ""},
    "process": {"type": "int", "default": 0},
    "process_started": {"type": "str", "default": ""},
    "stage": {"type": "str", "default": "preflight"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    clock = StepClock(params["stage"])
    operator = ""
    now = None
    did: list[str] = []
    try:
        volume = open_volume(Path(params["volume"]))
        if params["state"] == "released":
            if not module.check_mode:
                release(volume, params["run"])
        else:
            operator = authorised(params["operator"], params["operators"])
            now = holder(volume)
            rights = {"take_over": params["take_over"] or left_behind(now), "age": params["age"]}
            replaced = refuse_held(volume, params["run"], **rights)
            if not module.check_mode:
                who = {
                    key: params[key] for key in ("run", "controller", "process", "process_started", "phase")
                }
                replaced = claim(volume, Claim(operator=operator, since=now_text(), **who), **rights)
            if replaced is not None and replaced.run != params["run"]:
                did = [f"take the volume over from run {replaced.run} of {replaced.operator}"]
    except Refusal as refusal:
        found = {} if now is None else asdict(now)
        module.fail_json(msg=str(refusal), holder=found, step=clock.step([], changed=False))
    module.exit_json(changed=False, operator=operator, step=clock.step(did, changed=False))


if __name__ == "__main__":
    main()
