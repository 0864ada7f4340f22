#!/usr/bin/python
"""Ansible module: bring a load into staging/ by a copy, where ingest/ cannot be renamed there."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_copy
short_description: Copy a load to where it is promoted, outside the window
description:
  - For an C(ingest/) that is a mount of its own or lies on another file system. Where a rename does it, the
    module does nothing.
  - The staging server must have been stopped in order. Files share their blocks with the copy where the file
    system can do that. Else each is read once, written, synced, and read back from disk against the digest of
    what was read. Owners, modes, times, extended attributes, links and holes are kept.
  - A copy that is killed is gone on with; files that were copied before are proven again, and not copied.
  - When all is on disk one rename makes it the snapshot, and C(ingest/) is emptied. The staging server starts
    on a whole cluster or an empty directory, never on half of one.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  snapshot:
    description: The snapshot that the run promotes; empty for whatever load C(ingest/) holds.
    type: str
    default: ""
  loaded:
    description: The load that this run made.
    type: str
    default: ""
  exclusive:
    description: C(ingest/) is declared to be nobody else's, where that cannot be seen (a network volume, an
      account that may not look at all processes).
    type: bool
    default: false
  run:
    description: The run's id; another run's claim of the volume is respected.
    type: str
    required: true
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: copy
attributes:
  check_mode:
    support: full
    description: The load and the stop of its server, which come earlier in a run, are taken as done.
  diff_mode:
    support: full
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Copy the load to where it is promoted
  dataportal.reingest.snapshot_copy:
    volume: /srv/pg
    loaded: 20261123T114500Z
    run: 20261123T114500Z-4711
"""

RETURN = r"""
snapshot:
  description: The load's id; empty where nothing was to be copied.
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
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.staging.copy import apply_copy, plan_copy
from ..module_utils.reingest.volume.layout import open_volume
from ..module_utils.reingest.volume.lock import check_run, verb

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "snapshot": {"type": "str", "default": ""},
    "loaded": {"type": "str", "default": ""},
    "exclusive": {"type": "bool", "default": False},
    "run": {"type": "str", "required": True},
    "stage": {"type": "str", "default": "copy"},
}


def copy(params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Plan it and, outside check mode, carry it out; return the module's result."""
    volume = open_volume(Path(params["volume"]))
    check_run(volume, params["run"], dry=check)
    detail: dict[str, int] = {}
    with nullcontext() if check else verb(volume, params["run"], phase="copies the load"):
        plan = plan_copy(
            volume,
            params["snapshot"],
            loaded=params["loaded"],
            dry=check,
            exclusive=params["exclusive"],
        )
        if plan.changed and not check:
            detail = apply_copy(volume, plan).shown()
    return {
        "changed": plan.changed,
        "snapshot": plan.snapshot,
        "diff": plan.diff(),
        "step": clock.step(plan.did(), changed=plan.changed, detail=detail),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    try:
        result = copy(module.params, clock, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
