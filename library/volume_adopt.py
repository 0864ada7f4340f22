#!/usr/bin/python
"""Ansible module: make a volume that the runbook left one that reingest can work on."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: volume_adopt
short_description: Repair and adopt what the runbook, a container or a hand has left on the volume
description:
  - "Looks for what is not as reingest keeps it: a C(prod) that is a real directory, or a link of another
    spelling; a link that a second C(ln -sf) put inside a data directory; data directories of mode 0755 or of
    root; dotfiles that C(mv ingest/*) left; a missing C(ingest/); snapshots that the ledger does not know,
    and what in C(staging/) is none."
  - Repairs it, each step durable before the next, and found again or found done when the run is killed.
    What cannot be told apart for sure is named in a warning, and left.
  - Deletes no data. What goes are empty directories, and links.
  - A real C(prod) directory becomes a snapshot by one exchange, only while its server is stopped in order;
    else that one repair is refused, and the others are made.
  - Adopted snapshots are synced to disk, and get their lines in the ledger. The one that is live counts as
    good.
  - On a volume in order nothing changes, and no tree is walked.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  exclusive:
    description: C(prod) is declared to be nobody else's, where that cannot be seen (a network volume, an
      account that may not look at all processes).
    type: bool
    default: false
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
    default: preflight
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Adopt what the runbook has left
  dataportal.reingest.volume_adopt:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
told:
  description: What was found and is not repaired, one sentence each.
  returned: success
  type: list
  elements: str
first:
  description: In check mode, the repairs before which nothing that comes after them can be planned.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.reingest.adoption.adopt import Adoption, apply_adoption, plan_adoption
from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.volume.layout import open_volume
from ..module_utils.reingest.volume.lock import check_run, verb

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "exclusive": {"type": "bool", "default": False},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "stage": {"type": "str", "default": "preflight"},
}


def adopt(params: dict[str, Any], *, check: bool) -> Adoption:
    """Plan it and, outside check mode, carry it out; return the plan."""
    volume = open_volume(Path(params["volume"]))
    check_run(volume, params["run"], dry=check)
    with nullcontext() if check else verb(volume, params["run"], phase="adopts what is on the volume"):
        plan = plan_adoption(volume, datetime.now(timezone.utc), exclusive=params["exclusive"])
        if plan.changed and not check:
            who = {"run": params["run"], "operator": params["operator"]}
            apply_adoption(volume, plan, **who, exclusive=params["exclusive"])
    return plan


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    try:
        plan = adopt(module.params, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    step = clock.step(plan.did(), changed=plan.changed)
    if plan.refused() and not module.check_mode:
        module.fail_json(msg="; ".join(plan.refused()), changed=plan.changed, diff=plan.diff(), step=step)
    for sentence in plan.told():
        module.warn(sentence)
    module.exit_json(changed=plan.changed, told=plan.told(), first=plan.first(), diff=plan.diff(), step=step)


if __name__ == "__main__":
    main()
