#!/usr/bin/python
"""Ansible module: give the volume back that a run has claimed."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_lock
short_description: Give the volume back that a run has claimed
description:
  - One run at a time has the volume. M(dataportal.reingest.run_begin) claims it; this module gives it back,
    if the run has it, where a run ends before it could write its report.
  - A claim is bookkeeping of the run, not a change of the system, so C(changed) is always false.
  - In check mode there is no claim. What the dry run noted on this host of its own steps is deleted.
options:
  state:
    description: Whether the run has the volume.
    type: str
    choices: [released]
    required: true
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Give the volume back
  dataportal.reingest.run_lock:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    state: released
"""

RETURN = r"""
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from typing import Any

from ..module_utils.reingest.runs.steps import forget_dry_run
from ..module_utils.reingest.volume.lock import release
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {"state": {"type": "str", "choices": ["released"], "required": True}}


def give_back(call: Call) -> Outcome:
    """Give the volume back, if the run has it."""
    if not call.check:
        release(call.volume, call.run)
    elif call.work is not None:
        forget_dry_run(call.work, call.run)
    return Outcome(planned=True)


def main() -> None:
    """Run the module."""
    run_module(Verb(give_back, stage="preflight", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
