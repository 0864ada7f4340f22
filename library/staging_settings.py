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
  - The settings count when the server is restarted, so O(services) is restarted where they are not yet what
    the server runs with.
options:
  state:
    description:
      - V(load) puts file and line in place.
      - V(production) takes them away, byte for byte, and refuses when something else would still cost the
        load its rows in a power cut (C(postgresql.auto.conf), the command line, another file).
    type: str
    choices: [load, production]
    required: true
  autovacuum:
    description:
      - Whether tables are vacuumed and analyzed while they are loaded.
      - A loader that reads what it has written lives on the statistics.
    type: bool
    default: false
extends_documentation_fragment: [dataportal.reingest.context, dataportal.reingest.services]
attributes:
  check_mode:
    support: full
    description: The start of the server, which comes earlier in a run, is taken as done.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
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

from typing import Any

from ..module_utils.reingest.engines.spec import SERVICE
from ..module_utils.reingest.runs.steps import Predicted
from ..module_utils.reingest.services.group import RESTARTED
from ..module_utils.reingest.staging.settings import (
    SettingsPlan,
    apply_settings,
    plan_load_settings,
    plan_production_settings,
)
from ..module_utils.runner import Call, Outcome, Verb, run_module
from ..module_utils.services_call import bring

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["load", "production"], "required": True},
    "autovacuum": {"type": "bool", "default": False},
    "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE},
}


def plan(call: Call) -> SettingsPlan:
    """Return what is to be written or taken away."""
    if call["state"] == "load":
        return plan_load_settings(call.volume, autovacuum=call["autovacuum"], dry=call.check)
    return plan_production_settings(call.volume, loading=call.predicted.loading)


def settle(call: Call) -> Outcome:
    """Give the staging server its settings for the load, or take them away."""
    planned = plan(call)
    if planned.changed and not call.check:
        apply_settings(call.volume, planned, **call.who)
    restarted: list[str] = []
    detail: dict[str, Any] = {}
    if planned.restart and call["services"]:
        group, detail = bring(call, RESTARTED)
        restarted = group.did()
    loading = planned.changed and call["state"] == "load"
    return Outcome(
        planned.changed or bool(restarted),
        [*planned.did(), *restarted],
        values={"restart": planned.restart},
        diff=planned.diff(),
        detail=detail,
        predicts=Predicted(loading=loading if planned.changed else call.predicted.loading),
    )


def main() -> None:
    """Run the module."""
    run_module(Verb(settle, stage="load", lock="sets up the staging server"), OPTIONS)


if __name__ == "__main__":
    main()
