#!/usr/bin/python
"""Ansible module: say what is on the volume, and whether there is room for another load."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_info
short_description: Say what is on the volume
description:
  - "Snapshots with their state and release, the live one, the load in C(ingest/), who holds the volume, the
    ledger's last lines."
  - Changes nothing. Does not need a claim of the volume.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  sizes:
    description: Whether to add up the size of each snapshot, which walks all their files.
    type: bool
    default: false
  refuse_faults:
    description: Whether to fail when the volume is not in a state in which a run may begin.
    type: bool
    default: false
  min_free:
    description:
      - Fail when less than this is free, or less than 1.1 times the size of the live snapshot, whichever is
        more.
      - Empty for no check.
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
- name: See what is there
  snapshot_info:
    volume: /srv/pg
    sizes: true
  register: found
"""

RETURN = r"""
live:
  description: The live snapshot; empty when there is none.
  returned: success
  type: str
previous:
  description: The snapshot that a rollback would go to; empty when there is none.
  returned: success
  type: str
loaded:
  description: The finished load in C(ingest/); empty when there is none.
  returned: success
  type: str
lost:
  description: Whether the machine went down while what C(ingest/) holds was not on disk; M(staging_discard).
  returned: success
  type: bool
snapshots:
  description: "One entry each: snapshot, state (live, previous, kept, failed), release and, when asked for,
    bytes."
  returned: success
  type: list
  elements: dict
free_bytes:
  description: What is free on the volume.
  returned: success
  type: int
lock:
  description: "The run that has the volume: run, operator, since."
  returned: success
  type: dict
history:
  description: The ledger's last lines.
  returned: success
  type: list
  elements: dict
faults:
  description: What is wrong with the volume.
  returned: success
  type: list
  elements: str
text:
  description: The same as a table to print.
  returned: success
  type: list
  elements: str
step:
  description: What was checked, for the report.
  returned: always
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible.module_utils.reingest.errors import Refusal
from ansible.module_utils.reingest.step import StepClock
from ansible.module_utils.reingest.volume.info import describe
from ansible.module_utils.reingest.volume.layout import open_volume
from ansible.module_utils.reingest.volume.listing import listing
from ansible.module_utils.reingest.volume.space import refuse_full

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "sizes": {"type": "bool", "default": False},
    "refuse_faults": {"type": "bool", "default": False},
    "min_free": {"type": "str", "default": ""},
    "stage": {"type": "str", "default": "preflight"},
}


def refuse_faults(faults: list[str]) -> None:
    """Refuse a volume in which something is wrong."""
    if faults:
        raise Refusal("; ".join(faults))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    clock = StepClock(params["stage"])
    try:
        min_free = int(human_to_bytes(params["min_free"])) if params["min_free"] else None
    except ValueError as error:
        module.fail_json(msg=f"min_free: {error}", step=clock.step([], changed=False))
    try:
        volume = open_volume(Path(params["volume"]))
        found = describe(volume, sizes=params["sizes"])
        if params["refuse_faults"]:
            refuse_faults(found["faults"])
        if min_free is not None:
            refuse_full(volume, min_free)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    module.exit_json(changed=False, text=listing(found), step=clock.step([], changed=False), **found)


if __name__ == "__main__":
    main()
