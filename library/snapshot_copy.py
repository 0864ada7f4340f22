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
  - A copy that is killed is resumed; files that were copied before are proven again, and not copied.
  - When all is on disk one rename makes it the snapshot, and C(ingest/) is emptied. The staging server starts
    on a whole cluster or an empty directory, never on half of one.
options:
  snapshot:
    description: The snapshot that the run promotes; empty for whatever load C(ingest/) holds.
    type: str
    default: ""
  loaded:
    description: The load that this run made.
    type: str
    default: ""
  force:
    description: Copy also a load of what a rollback left for being bad; else it is refused.
    type: bool
    default: false
  plan_only:
    description: Only say what is to be done (RV(needed)); this is no step of the report.
    type: bool
    default: false
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description: The load and the stop of its server, which come earlier in a run, are taken as done.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
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
needed:
  description: Whether the load is to be copied.
  returned: success
  type: bool
stands:
  description: Whether C(ingest/) still has it; a run that died after its copy may have left it half emptied.
  returned: success
  type: bool
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from typing import Any

from ..module_utils.reingest.runs.steps import Predicted
from ..module_utils.reingest.staging.copy import apply_copy, plan_copy
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "snapshot": {"type": "str", "default": ""},
    "loaded": {"type": "str", "default": ""},
    "force": {"type": "bool", "default": False},
    "plan_only": {"type": "bool", "default": False},
}


def copy(call: Call) -> Outcome:
    """Copy the load to where it is promoted."""
    wanted = {name: call[name] for name in ("loaded", "exclusive", "force")}
    plan = plan_copy(call.volume, call["snapshot"], dry=call.check, **wanted)
    values = {"snapshot": plan.snapshot, "needed": plan.changed, "stands": plan.stands}
    if call["plan_only"]:
        return Outcome(values=values, diff=plan.diff(), planned=True)
    detail = apply_copy(call.volume, plan).shown() if plan.changed and not call.check else {}
    predicts = Predicted(copied=plan.snapshot if plan.changed else "")
    return Outcome(plan.changed, plan.did(), values, plan.diff(), detail, predicts=predicts)


def main() -> None:
    """Run the module."""
    run_module(Verb(copy, stage="copy", lock="copies the load"), OPTIONS)


if __name__ == "__main__":
    main()
