#!/usr/bin/python
"""Ansible module: write a finished load into the volume's ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_finalise
short_description: Give a finished load its line in the volume's ledger
description:
  - The load runs where the worker is and does not see the volume; this module runs where the volume is and
    does not see the load. It writes down, under the system identifier of the cluster in C(ingest/), which
    load lies there. By that line every later step finds the load, whether its server runs or not.
  - Refuses when the cluster in C(ingest/) is not the one that the worker loaded into.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  snapshot:
    description: The load's id.
    type: str
    required: true
  system_identifier:
    description: The system identifier that the staging server told the worker.
    type: str
    required: true
  load:
    description: What was loaded (release, digest, tables, sources), kept with the line.
    type: dict
    default: {}
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
    default: load
attributes:
  check_mode:
    support: full
    description: The load, which comes earlier in a run, is taken as done.
  diff_mode:
    support: full
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Write the load into the ledger
  snapshot_finalise:
    volume: /srv/pg
    snapshot: 20261123T114500Z
    system_identifier: "7438916702343491732"
    load: {release: r2_2021-02-01}
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
snapshot:
  description: The load's id.
  returned: success
  type: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.reingest.errors import Refusal
from ansible.module_utils.reingest.step import StepClock
from ansible.module_utils.reingest.volume.finalise import (
    Finalised,
    apply_finalise,
    plan_finalise,
    refuse_taken,
)
from ansible.module_utils.reingest.volume.layout import open_volume
from ansible.module_utils.reingest.volume.lock import check_run, verb

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "snapshot": {"type": "str", "required": True},
    "system_identifier": {"type": "str", "required": True},
    "load": {"type": "dict", "default": {}},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "stage": {"type": "str", "default": "load"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    clock = StepClock(params["stage"])
    try:
        volume = open_volume(Path(params["volume"]))
        check_run(volume, params["run"])
        if module.check_mode:  # the load is still to come
            refuse_taken(volume, params["snapshot"])
            plan = Finalised(params["snapshot"], params["system_identifier"], changed=True)
        else:
            with verb(volume, params["run"]):
                plan = plan_finalise(volume, params["snapshot"], params["system_identifier"])
                if plan.changed:
                    who = {"run": params["run"], "operator": params["operator"]}
                    apply_finalise(volume, plan, **who, load=params["load"])
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    did = [f"write load {plan.snapshot} into the ledger"] if plan.changed else []
    module.exit_json(
        changed=plan.changed,
        snapshot=plan.snapshot,
        diff={"before": "", "after": f"ledger: finalised {plan.snapshot}\n" if plan.changed else ""},
        step=clock.step(did, changed=plan.changed),
    )


if __name__ == "__main__":
    main()
