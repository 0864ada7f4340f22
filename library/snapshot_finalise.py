#!/usr/bin/python
"""Ansible module: freeze a finished load, sync it to disk and write it into the volume's ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_finalise
short_description: Finish a load outside the window, and give it its line in the volume's ledger
description:
  - The load runs where the worker is and does not see the volume; this module runs where the volume is and
    does not see the load. While the staging server runs it makes VACUUM (FREEZE, ANALYZE) and CHECKPOINT,
    then syncs every file and directory in C(ingest/). The promotion then has no more to sync than the stop
    of the server left, and takes the same time for any size.
  - It writes down, under the system identifier of the cluster in C(ingest/), which load lies there, with the
    server's checkpoint and settings. By that line every later step finds the load, whether its server runs
    or not, and a promotion knows that the load is on disk.
  - Refuses when the cluster in C(ingest/) is not the one that the worker loaded into, and when the staging
    server runs without fsync or full_page_writes, or would at its next start by the files in C(ingest/).
requirements: [psycopg2]
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
  staging_dsn:
    description: The staging server, as libpq reads it on this host.
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
  dataportal.reingest.snapshot_finalise:
    volume: /srv/pg
    snapshot: 20261123T114500Z
    system_identifier: "7438916702343491732"
    staging_dsn: postgresql://loader@127.0.0.1:5433/postgres
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

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.volume.layout import open_volume
from ..module_utils.reingest.volume.lock import check_run, verb

try:
    from ..module_utils.reingest.staging.finalise import apply_finalise, finalise_cluster, plan_finalise
except ImportError as error:
    MISSING = error.name or str(error)
else:
    MISSING = ""

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "snapshot": {"type": "str", "required": True},
    "system_identifier": {"type": "str", "required": True},
    "staging_dsn": {"type": "str", "required": True, "no_log": True},
    "load": {"type": "dict", "default": {}},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "stage": {"type": "str", "default": "load"},
}


def finalise(params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Plan it and, outside check mode, carry it out; return the module's result."""
    volume = open_volume(Path(params["volume"]))
    check_run(volume, params["run"], dry=check)
    snapshot, identifier = params["snapshot"], params["system_identifier"]
    seconds: dict[str, float] = {}
    if check:  # the load may be still to come
        plan = plan_finalise(volume, snapshot, identifier, dry=True)
    else:
        with verb(volume, params["run"], phase="finalises the load"):
            plan = plan_finalise(volume, snapshot, identifier)
            if plan.changed:
                cluster, seconds = finalise_cluster(volume, plan, params["staging_dsn"])
                who = {"run": params["run"], "operator": params["operator"]}
                apply_finalise(volume, plan, cluster, **who, load=params["load"])
    return {
        "changed": plan.changed,
        "snapshot": plan.snapshot,
        "diff": {"before": "", "after": f"ledger: finalised {plan.snapshot}\n" if plan.changed else ""},
        "step": clock.step(plan.did(), changed=plan.changed, detail={"seconds": seconds} if seconds else {}),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    if MISSING:
        module.fail_json(msg=missing_required_lib(MISSING), step=clock.step([], changed=False))
    try:
        result = finalise(module.params, clock, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
