#!/usr/bin/python
"""Ansible module: give the staging server its settings for the load, and take them away again."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: staging_settings
short_description: Give the staging server its settings for the load, and take them away again
description:
  - Until it is promoted a staging server is disposable. While a load runs it needs no fsync and little WAL,
    and may take more memory to build indexes.
  - These settings lie in one file, C(ingest/reingest.load.conf), which the last line of C(postgresql.conf)
    includes. They are made for the version of the cluster, the memory and the cores that its server may use,
    and the free space of the volume.
  - Before the file is written the cluster is marked on the volume, with this boot of the machine. The mark
    goes when the load is finalised. Where the machine went down meanwhile,
    M(dataportal.reingest.staging_discard) starts over.
  - The settings count when the server is restarted (M(dataportal.reingest.service_group));
    RV(restart) says whether it must be.
options:
  state:
    description:
      - V(load) puts file and line in place.
      - V(production) takes them away, byte for byte, and refuses when something else would still cost the
        load its rows in a power cut (C(postgresql.auto.conf), the command line, another file).
    type: str
    choices: [load, production]
    required: true
  volume:
    description: The volume's path.
    type: path
    required: true
  autovacuum:
    description:
      - Whether tables are vacuumed and analyzed while they are loaded.
      - A loader that reads what it has written lives on the statistics.
    type: bool
    default: false
  loading:
    description: "Check mode, V(production): whether an earlier step of the run gives the server its settings
      for the load."
    type: bool
    default: false
  run:
    description: The run's id; another run's claim of the volume is respected.
    type: str
    required: true
  operator:
    description: ORCID iD of who runs it.
    type: str
    required: true
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: load
attributes:
  check_mode:
    support: full
    description: The start of the server, which comes earlier in a run, is taken as done.
  diff_mode:
    support: full
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Give the staging server its settings for the load
  dataportal.reingest.staging_settings:
    state: load
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
restart:
  description: Whether the server must be restarted to run with these settings, and without the ones before.
  returned: success
  type: bool
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
from ..module_utils.reingest.staging.settings import (
    SettingsPlan,
    apply_settings,
    plan_load_settings,
    plan_production_settings,
)
from ..module_utils.reingest.volume.layout import open_volume
from ..module_utils.reingest.volume.lock import check_run, verb

ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["load", "production"], "required": True},
    "volume": {"type": "path", "required": True},
    "autovacuum": {"type": "bool", "default": False},
    "loading": {"type": "bool", "default": False},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "stage": {"type": "str", "default": "load"},
}


def settle(params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Plan it and, outside check mode, carry it out; return the module's result."""
    volume = open_volume(Path(params["volume"]))
    check_run(volume, params["run"], dry=check)

    def planned() -> SettingsPlan:
        if params["state"] == "load":
            return plan_load_settings(volume, autovacuum=params["autovacuum"], dry=check)
        return plan_production_settings(volume, loading=params["loading"] and check)

    plan = planned()
    if plan.changed and not check:
        with verb(volume, params["run"], phase="sets up the staging server"):
            plan = planned()
            apply_settings(volume, plan, run=params["run"], operator=params["operator"])
    return {
        "changed": plan.changed,
        "restart": plan.restart,
        "diff": plan.diff(),
        "step": clock.step(plan.did(), changed=plan.changed),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    try:
        result = settle(module.params, clock, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
