#!/usr/bin/python
"""Ansible module: end the loads of other runs on this host, which nobody waits for any more."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_end
short_description: End the loads of other runs
description:
  - A load runs in the background of its host, and goes on when C(ansible-playbook) is interrupted or killed,
    or loses the host.
  - Ends each load of another run into the same staging server. The run must have claimed the volume; whatever
    another run still loads then, nobody waits for.
  - A process is ended only if it is the one that began the load, by its start time.
options:
  work:
    description: This host's own directory, with the states of the loads in C(<run>/progress.json).
    type: path
    required: true
  run:
    description: The run's id. Its own load is left alone.
    type: str
    required: true
  staging_dsn:
    description: The staging server. Only its address is used.
    type: str
    required: true
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: load
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["reingest"]
"""

EXAMPLES = r"""
- name: End what an interrupted run still loads
  dataportal.reingest.run_end:
    work: /var/lib/reingest
    run: 20261123T114500Z-4711
    staging_dsn: "{{ reingest_staging_dsn }}"
"""

RETURN = r"""
ended:
  description: The runs whose loads were ended.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.step import StepClock

try:
    from ..module_utils.reingest.postgres.dsn import address
    from ..module_utils.reingest.runs.ending import end_load, loads_of_others
except ImportError as error:
    MISSING = error.name or str(error)
else:
    MISSING = ""

ARGUMENT_SPEC: dict[str, Any] = {
    "work": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "staging_dsn": {"type": "str", "required": True, "no_log": True},
    "stage": {"type": "str", "default": "load"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    clock = StepClock(params["stage"])
    if MISSING:
        module.fail_json(msg=missing_required_lib(MISSING), step=clock.step([], changed=False))
    try:
        loads = loads_of_others(Path(params["work"]), params["run"], address(params["staging_dsn"]))
        if not module.check_mode:
            for load in loads:
                end_load(load)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    did = [f"end the load of run {load.run}, which nobody waits for" for load in loads]
    changed = bool(loads)
    module.exit_json(
        changed=changed, ended=[load.run for load in loads], step=clock.step(did, changed=changed)
    )


if __name__ == "__main__":
    main()
