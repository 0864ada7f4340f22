#!/usr/bin/python
"""Ansible module: refuse a volume whose file system cannot keep the promises, unless accepted by name."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: volume_kind
short_description: Say what file system the volume lies on, and which guarantees go with it
description:
  - On a local disk with a journal nothing goes. On a network volume, in memory, in a container's layers or
    behind a FUSE program the module names the kind and what cannot be promised there, and refuses it unless
    O(accepted) is that very kind.
  - Tries whether two directories can be exchanged by one step, rather than to guess it.
  - Refuses an C(ingest/) that is a mount of its own unless loads are copied, and a C(staging/) that is one.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  accepted:
    description: The kind that is accepted, as the kernel names it (V(nfs4), V(tmpfs)); empty for none.
    type: str
    default: ""
  loads:
    description: Whether the run loads, so that C(ingest/) is to be moved or copied.
    type: bool
    default: false
  copies:
    description: Whether a load is copied where it cannot be renamed; M(dataportal.reingest.snapshot_copy).
    type: bool
    default: false
  run:
    description: The run's id; another run's claim of the volume is respected.
    type: str
    required: true
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: preflight
attributes:
  check_mode:
    support: partial
    description: Whether two directories can be exchanged is not tried, but taken from the kind.
  diff_mode:
    support: none
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Refuse a file system that nobody has accepted
  dataportal.reingest.volume_kind:
    volume: /srv/pg
    accepted: nfs4
    run: 20261123T114500Z-4711
"""

RETURN = r"""
kind:
  description: The file system, as the kernel names it.
  returned: success
  type: str
lost:
  description: What cannot be promised there, one phrase each.
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

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.promotion.movable import refuse_mounts
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.volume.kind import Kind, kind_of, probe_exchange, refuse_kind
from ..module_utils.reingest.volume.layout import open_volume
from ..module_utils.reingest.volume.lock import check_run, verb

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "accepted": {"type": "str", "default": ""},
    "loads": {"type": "bool", "default": False},
    "copies": {"type": "bool", "default": False},
    "run": {"type": "str", "required": True},
    "stage": {"type": "str", "default": "preflight"},
}


def look(params: dict[str, Any], *, check: bool) -> Kind:
    """Return the kind of the volume, or refuse it."""
    volume = open_volume(Path(params["volume"]))
    check_run(volume, params["run"], dry=check)
    if params["loads"]:
        refuse_mounts(volume, copies=params["copies"])
    if check:
        kind = kind_of(volume)
    else:
        with verb(volume, params["run"], phase="looks at the volume"):
            kind = kind_of(volume, exchanges=probe_exchange(volume))
    refuse_kind(volume, kind, params["accepted"])
    return kind


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    try:
        kind = look(module.params, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    for lost in kind.lost:
        module.warn(f"accepted for {kind.shown()}: {lost}")
    detail = {"kind": kind.name, "lost": list(kind.lost)} if kind.lost else {}
    module.exit_json(
        changed=False,
        kind=kind.name,
        lost=list(kind.lost),
        step=clock.step([], changed=False, detail=detail),
    )


if __name__ == "__main__":
    main()
